#pragma once

#include <string>

namespace khs::delivery {

// Why no request can be made of a record.
struct RecordFault {
  std::string text;  // contains nothing of the record
};

}  // namespace khs::delivery
