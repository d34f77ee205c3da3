// Memory that crosses: borrowed for the call, copied, and filled for the caller.
#include <cstdint>
#include <cstring>
#include <vector>

#include "exports.h"

using Bytes = Napi::Buffer<uint8_t>;

// Reads the ends of the buffer and keeps nothing.
static Napi::Value Borrow(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Bytes>();
  const size_t length = bytes.Length();
  return Napi::Number::New(info.Env(), length == 0 ? 0 : bytes.Data()[0] + bytes.Data()[length - 1]);
}

// Copies the buffer into memory that stays: what an addon pays at least to keep the bytes.
static Napi::Value Copy(const Napi::CallbackInfo& info) {
  static thread_local std::vector<uint8_t> kept;
  const auto bytes = info[0].As<Bytes>();
  kept.resize(bytes.Length());
  std::memcpy(kept.data(), bytes.Data(), kept.size());
  return Napi::Number::New(info.Env(), kept.empty() ? 0 : kept.back());
}

// Writes a number to every place of the caller's array: what a snapshot costs whose numbers are at hand.
static Napi::Value Snapshot(const Napi::CallbackInfo& info) {
  auto numbers = info[0].As<Napi::Float64Array>();
  double* data = numbers.Data();
  const size_t length = numbers.ElementLength();
  for (size_t i = 0; i < length; i++) data[i] = static_cast<double>(i);
  return Napi::Number::New(info.Env(), static_cast<double>(length));
}

void ExportBuffers(Napi::Env env, Napi::Object exports) {
  exports["borrow"] = Napi::Function::New<Borrow>(env);
  exports["copy"] = Napi::Function::New<Copy>(env);
  exports["snapshot"] = Napi::Function::New<Snapshot>(env);
}
