# The control addon: the least C++ for each way of crossing between JavaScript and native code.
{
  'targets': [
    {
      'target_name': 'control',
      'sources': ['src/module.cc', 'src/calls.cc', 'src/buffers.cc', 'src/crossings.cc', 'src/worker.cc'],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'],
      'cflags': ['-O3', '-Wall', '-Wextra'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions'],
      'xcode_settings': { 'GCC_OPTIMIZATION_LEVEL': '3', 'CLANG_CXX_LANGUAGE_STANDARD': 'c++17' },
      'msvs_settings': { 'VCCLCompilerTool': { 'Optimization': 2, 'AdditionalOptions': ['/std:c++17'] } },
    },
  ],
}
