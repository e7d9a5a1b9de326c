// Memory between two walls: a write past either end is seen.
#ifndef RUVECTOR_PLUGINS_TESTING_GUARDED_BUFFER_H_
#define RUVECTOR_PLUGINS_TESTING_GUARDED_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace ruvector::plugin_testing {

// `count` elements of T, aligned to 16 bytes, filled with the byte `fill`.
template <class T>
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t count, unsigned char fill = 0xa5)
      : bytes_(count * sizeof(T)),
        units_(std::make_unique<Unit[]>((bytes_ + 15) / 16 + 2 * kWallUnits)) {
    std::memset(units_.get(), kWall, Total());
    std::memset(begin(), fill, bytes_);
  }

  T* data() { return reinterpret_cast<T*>(begin()); }
  T& operator[](size_t i) { return data()[i]; }

  bool Intact() const {
    const auto* all = reinterpret_cast<const unsigned char*>(units_.get());
    for (size_t i = 0; i < Total(); ++i) {
      const bool inside = i >= kWallBytes && i < kWallBytes + bytes_;
      if (!inside && all[i] != kWall) return false;
    }
    return true;
  }

 private:
  struct alignas(16) Unit {
    unsigned char bytes[16];
  };
  static constexpr size_t kWallUnits = 8;
  static constexpr size_t kWallBytes = kWallUnits * sizeof(Unit);
  static constexpr unsigned char kWall = 0xc9;

  unsigned char* begin() {
    return reinterpret_cast<unsigned char*>(units_.get()) + kWallBytes;
  }
  size_t Total() const { return ((bytes_ + 15) / 16 + 2 * kWallUnits) * 16; }

  size_t bytes_;
  std::unique_ptr<Unit[]> units_;
};

}  // namespace ruvector::plugin_testing

#endif  // RUVECTOR_PLUGINS_TESTING_GUARDED_BUFFER_H_
