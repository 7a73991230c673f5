#pragma once

#include <string>
#include <utility>

#include "config/problem.h"

namespace khs::config {

// Collects what is wrong while a definition is judged key by key, and hands it out as its author
// reads the file.
class ProblemList {
 public:
  explicit ProblemList(std::string main_file) : main_file_(std::move(main_file)) {}

  void Add(Problem problem) { problems_.push_back(std::move(problem)); }

  bool HasErrors() const;

  // In the order of the main file; then the other files, each in its own order. As many as
  // LimitProblems leaves.
  Problems Take();

 private:
  std::string main_file_;
  Problems problems_;
};

}  // namespace khs::config
