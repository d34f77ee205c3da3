// Plain calls: nothing, numbers, and text in either direction.
#include <string>

#include "exports.h"

static void Empty(const Napi::CallbackInfo&) {}

static Napi::Value Add(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           info[0].As<Napi::Number>().DoubleValue() + info[1].As<Napi::Number>().DoubleValue());
}

// Copies the text, as whoever uses it does.
static Napi::Value TakeText(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(info[0].As<Napi::String>().Utf8Value().size()));
}

static Napi::Value GiveText(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), "0.1.0"); }

void ExportCalls(Napi::Env env, Napi::Object exports) {
  exports["empty"] = Napi::Function::New<Empty>(env);
  exports["add"] = Napi::Function::New<Add>(env);
  exports["takeText"] = Napi::Function::New<TakeText>(env);
  exports["giveText"] = Napi::Function::New<GiveText>(env);
}
