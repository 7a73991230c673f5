#include "config/problem_list.h"

#include <algorithm>
#include <tuple>

namespace khs::config {

bool ProblemList::HasErrors() const { return config::HasErrors(problems_); }

Problems ProblemList::Take() {
  const auto place = [this](const Problem& problem) {
    return std::tuple(problem.file != main_file_, std::string_view(problem.file),
                      problem.position.line, problem.position.column);
  };
  std::stable_sort(problems_.begin(), problems_.end(),
                   [&](const Problem& a, const Problem& b) { return place(a) < place(b); });
  LimitProblems(problems_);
  return std::move(problems_);
}

}  // namespace khs::config
