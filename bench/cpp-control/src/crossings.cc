// Ways back into JavaScript: a promise settled within the call, one settled from another thread, and a wake-up.
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "exports.h"
#include "worker.h"

// A promise on its way, with the bytes it is about.
struct Pending {
  napi_deferred deferred;
  std::vector<uint8_t> bytes;
};

// Answers of the other thread go through one function for all promises. By the C interface, whose failures can be
// passed over: while the process ends there is nobody left to tell.
static void Settle(Napi::Env env, Napi::Function, std::nullptr_t*, Pending* pending) {
  const std::unique_ptr<Pending> owned(pending);
  napi_value length = nullptr;
  if (env != nullptr && napi_create_double(env, static_cast<double>(owned->bytes.size()), &length) == napi_ok) {
    napi_resolve_deferred(env, owned->deferred, length);
  }
}

using Answers = Napi::TypedThreadSafeFunction<std::nullptr_t, Pending, Settle>;

static Napi::Value SettleNow(const Napi::CallbackInfo& info) {
  const auto deferred = Napi::Promise::Deferred::New(info.Env());
  deferred.Resolve(info.Env().Undefined());
  return deferred.Promise();
}

// Hands work to a thread and is answered by it. Keeps the process alive until it is closed.
class Station : public Napi::ObjectWrap<Station> {
 public:
  static void Export(Napi::Env env, Napi::Object exports) {
    exports["Station"] = DefineClass(
        env, "Station",
        {InstanceMethod<&Station::Send>("send"), InstanceMethod<&Station::Wake>("wake"),
         InstanceMethod<&Station::Close>("close")});
  }

  // Takes the function that `wake` makes the other thread call.
  explicit Station(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Station>(info) {
    const Napi::Env env = info.Env();
    answers_ = Answers::New(env, "answers", 0, 1);
    // At most one call is on its way: more would say nothing new.
    wake_ = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "wake", 1, 1);
    worker_ = std::make_unique<Worker>();
  }

 private:
  // Copies the bytes, hands them over, and gives a promise of their length.
  Napi::Value Send(const Napi::CallbackInfo& info) {
    const auto bytes = info[0].As<Napi::Buffer<uint8_t>>();
    napi_deferred deferred = nullptr;
    napi_value promise = nullptr;
    napi_create_promise(info.Env(), &deferred, &promise);
    auto* pending = new Pending{deferred, std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.Length())};
    worker_->Do([answers = answers_, pending] {
      if (answers.NonBlockingCall(pending) != napi_ok) delete pending;
    });
    return Napi::Value(info.Env(), promise);
  }

  void Wake(const Napi::CallbackInfo&) {
    worker_->Do([wake = wake_] { wake.NonBlockingCall(); });
  }

  // Ends the thread first, so that nothing is called after its release.
  void Close(const Napi::CallbackInfo&) {
    if (worker_ == nullptr) return;
    worker_.reset();
    answers_.Release();
    wake_.Release();
  }

  Answers answers_;
  Napi::ThreadSafeFunction wake_;
  std::unique_ptr<Worker> worker_;
};

void ExportCrossings(Napi::Env env, Napi::Object exports) {
  exports["settleNow"] = Napi::Function::New<SettleNow>(env);
  Station::Export(env, exports);
}
