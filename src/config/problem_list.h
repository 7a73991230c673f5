#pragma once

#include <string>
#include <utility>

#include "config/problem.h"

namespace khs::config {

// The problems of a definition, in the order of its file. Lives for one parse.
class ProblemList {
 public:
  explicit ProblemList(std::string main_file) : main_file_(std::move(main_file)) {}

  void Add(Problem problem) { problems_.push_back(std::move(problem)); }

  bool HasErrors() const;

  // Returns the problems of the main file by position, then those of the other files, limited by
  // LimitProblems.
  Problems Take();

 private:
  std::string main_file_;
  Problems problems_;
};

}  // namespace khs::config
