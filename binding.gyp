# What npm builds. Sources, defines, flags and libraries are said once, in scripts/native.mjs; CMakeLists.txt asks there too.
# With --aevb-bench there is a second addon, which tests and benchmarks use.
{
  'variables': {'aevb_bench%': 'false'},
  'target_defaults': {
    'defines': ['<!@(node scripts/native.mjs defines)'],
    'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")', 'native/core', 'native'],
    'variables': {'aevb_flags': ['<!@(node scripts/native.mjs flags)']},
    # Node's own settings switch exceptions and type information off.
    'cflags!': ['-Wno-unused-parameter', '-fno-omit-frame-pointer'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['<@(aevb_flags)'],
    'xcode_settings': {
      'OTHER_CPLUSPLUSFLAGS': ['<@(aevb_flags)'],
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'CLANG_CXX_LIBRARY': 'libc++',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_ENABLE_CPP_RTTI': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'AdditionalOptions': ['<@(aevb_flags)'],
        'ExceptionHandling': 1,
        'RuntimeTypeInfo': 'true',
      },
    },
    'configurations': {
      'Release': {
        'defines': ['NDEBUG'],
        'cflags_cc': ['-O3'],
        'xcode_settings': {'GCC_OPTIMIZATION_LEVEL': '3'},
      },
      'Debug': {
        'cflags_cc': ['-O0', '-g'],
        'xcode_settings': {'GCC_OPTIMIZATION_LEVEL': '0'},
      },
    },
    'conditions': [
      ['OS=="linux"', {'cflags_cc': ['-pthread'], 'ldflags': ['-pthread']}],
      ['OS=="win"', {'defines': ['_HAS_EXCEPTIONS=1'], 'defines!': ['_HAS_EXCEPTIONS=0']}],
    ],
  },
  'targets': [
    {
      'target_name': 'aevb_core',
      'type': 'static_library',
      'sources': ['<!@(node scripts/native.mjs core)'],
    },
    {
      'target_name': 'aevb',
      'dependencies': ['aevb_core'],
      'sources': ['<!@(node scripts/native.mjs binding)'],
      'libraries': ['<!@(node scripts/native.mjs libraries)'],
    },
  ],
  'conditions': [
    ['aevb_bench=="true"', {
      'targets': [{
        'target_name': 'aevb_bench',
        'dependencies': ['aevb_core'],
        'sources': ['<!@(node scripts/native.mjs bench)'],
        'libraries': ['<!@(node scripts/native.mjs libraries)'],
      }],
    }],
  ],
}
