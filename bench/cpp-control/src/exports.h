// What each part of the control addon adds to its exports.
#pragma once

#include <napi.h>

void ExportCalls(Napi::Env env, Napi::Object exports);
void ExportBuffers(Napi::Env env, Napi::Object exports);
void ExportCrossings(Napi::Env env, Napi::Object exports);
