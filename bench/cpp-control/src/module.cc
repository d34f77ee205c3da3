// The control addon. It does next to nothing in as many ways as the product's addon crosses the boundary, so that
// what is left of its time is the price of the crossing itself.
#include "exports.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  ExportCalls(env, exports);
  ExportBuffers(env, exports);
  ExportCrossings(env, exports);
  return exports;
}

NODE_API_MODULE(control, Init)
