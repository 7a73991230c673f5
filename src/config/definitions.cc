#include "config/definitions.h"

namespace khs::config {

std::string_view TypeName(KeyType type) {
  switch (type) {
    case KeyType::kString:
      return "string";
    case KeyType::kInt:
      return "int";
    case KeyType::kLong:
      return "long";
    case KeyType::kDouble:
      return "double";
    case KeyType::kBoolean:
      return "boolean";
    case KeyType::kList:
      return "list";
    case KeyType::kClass:
      return "class";
    case KeyType::kPassword:
      return "password";
  }
  return "";
}

std::string_view ImportanceName(Importance importance) {
  switch (importance) {
    case Importance::kHigh:
      return "high";
    case Importance::kMedium:
      return "medium";
    case Importance::kLow:
      return "low";
  }
  return "";
}

}  // namespace khs::config
