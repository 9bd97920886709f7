// A macro for each of a list: what AM_STATES and AM_HANDLERS are made of.
#pragma once

/// AM_DETAIL_FOR_EACH(each, beyond, context, names...) expands to `each(context, name)` for the
/// first 256 names, and to `beyond(context, name)` for the 257th if there is one.
///
/// The list is padded with empty arguments to fixed places, which are looked at once. A recursive
/// macro scans its whole output again for each name, and says thousands of lines beyond its limit.
#define AM_DETAIL_FOR_EACH(each, beyond, context, ...) \
  AM_DETAIL_PLACES(each, beyond, context, __VA_ARGS__, AM_DETAIL_EMPTY_256)

/// For a list that is known not to go beyond.
#define AM_DETAIL_NOTHING(context, name)
/// The name as text, in a list.
#define AM_DETAIL_NAME(context, name) #name,

// clang-format off
#define AM_DETAIL_EMPTY_16 ,,,,,,,,,,,,,,,,
#define AM_DETAIL_EMPTY_64                                                    \
  AM_DETAIL_EMPTY_16 AM_DETAIL_EMPTY_16 AM_DETAIL_EMPTY_16 AM_DETAIL_EMPTY_16
#define AM_DETAIL_EMPTY_256                                                   \
  AM_DETAIL_EMPTY_64 AM_DETAIL_EMPTY_64 AM_DETAIL_EMPTY_64 AM_DETAIL_EMPTY_64

// Expands the padding before places are counted.
#define AM_DETAIL_PLACES(...) AM_DETAIL_EACH_256(__VA_ARGS__)

// Nothing for an empty place.
#define AM_DETAIL_EACH_1(each, context, ...) __VA_OPT__(each(context, __VA_ARGS__))

#define AM_DETAIL_EACH_16(e, c, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af) \
  AM_DETAIL_EACH_1(e, c, a0) AM_DETAIL_EACH_1(e, c, a1) AM_DETAIL_EACH_1(e, c, a2)              \
  AM_DETAIL_EACH_1(e, c, a3) AM_DETAIL_EACH_1(e, c, a4) AM_DETAIL_EACH_1(e, c, a5)              \
  AM_DETAIL_EACH_1(e, c, a6) AM_DETAIL_EACH_1(e, c, a7) AM_DETAIL_EACH_1(e, c, a8)              \
  AM_DETAIL_EACH_1(e, c, a9) AM_DETAIL_EACH_1(e, c, aa) AM_DETAIL_EACH_1(e, c, ab)              \
  AM_DETAIL_EACH_1(e, c, ac) AM_DETAIL_EACH_1(e, c, ad) AM_DETAIL_EACH_1(e, c, ae)              \
  AM_DETAIL_EACH_1(e, c, af)

#define AM_DETAIL_EACH_256(each, beyond, context,                                 \
  x00, x01, x02, x03, x04, x05, x06, x07, x08, x09, x0a, x0b, x0c, x0d, x0e, x0f, \
  x10, x11, x12, x13, x14, x15, x16, x17, x18, x19, x1a, x1b, x1c, x1d, x1e, x1f, \
  x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x2a, x2b, x2c, x2d, x2e, x2f, \
  x30, x31, x32, x33, x34, x35, x36, x37, x38, x39, x3a, x3b, x3c, x3d, x3e, x3f, \
  x40, x41, x42, x43, x44, x45, x46, x47, x48, x49, x4a, x4b, x4c, x4d, x4e, x4f, \
  x50, x51, x52, x53, x54, x55, x56, x57, x58, x59, x5a, x5b, x5c, x5d, x5e, x5f, \
  x60, x61, x62, x63, x64, x65, x66, x67, x68, x69, x6a, x6b, x6c, x6d, x6e, x6f, \
  x70, x71, x72, x73, x74, x75, x76, x77, x78, x79, x7a, x7b, x7c, x7d, x7e, x7f, \
  x80, x81, x82, x83, x84, x85, x86, x87, x88, x89, x8a, x8b, x8c, x8d, x8e, x8f, \
  x90, x91, x92, x93, x94, x95, x96, x97, x98, x99, x9a, x9b, x9c, x9d, x9e, x9f, \
  xa0, xa1, xa2, xa3, xa4, xa5, xa6, xa7, xa8, xa9, xaa, xab, xac, xad, xae, xaf, \
  xb0, xb1, xb2, xb3, xb4, xb5, xb6, xb7, xb8, xb9, xba, xbb, xbc, xbd, xbe, xbf, \
  xc0, xc1, xc2, xc3, xc4, xc5, xc6, xc7, xc8, xc9, xca, xcb, xcc, xcd, xce, xcf, \
  xd0, xd1, xd2, xd3, xd4, xd5, xd6, xd7, xd8, xd9, xda, xdb, xdc, xdd, xde, xdf, \
  xe0, xe1, xe2, xe3, xe4, xe5, xe6, xe7, xe8, xe9, xea, xeb, xec, xed, xee, xef, \
  xf0, xf1, xf2, xf3, xf4, xf5, xf6, xf7, xf8, xf9, xfa, xfb, xfc, xfd, xfe, xff, \
  over, ...)                                                                      \
  AM_DETAIL_EACH_16(each, context, x00, x01, x02, x03, x04, x05, x06, x07,        \
                    x08, x09, x0a, x0b, x0c, x0d, x0e, x0f)                       \
  AM_DETAIL_EACH_16(each, context, x10, x11, x12, x13, x14, x15, x16, x17,        \
                    x18, x19, x1a, x1b, x1c, x1d, x1e, x1f)                       \
  AM_DETAIL_EACH_16(each, context, x20, x21, x22, x23, x24, x25, x26, x27,        \
                    x28, x29, x2a, x2b, x2c, x2d, x2e, x2f)                       \
  AM_DETAIL_EACH_16(each, context, x30, x31, x32, x33, x34, x35, x36, x37,        \
                    x38, x39, x3a, x3b, x3c, x3d, x3e, x3f)                       \
  AM_DETAIL_EACH_16(each, context, x40, x41, x42, x43, x44, x45, x46, x47,        \
                    x48, x49, x4a, x4b, x4c, x4d, x4e, x4f)                       \
  AM_DETAIL_EACH_16(each, context, x50, x51, x52, x53, x54, x55, x56, x57,        \
                    x58, x59, x5a, x5b, x5c, x5d, x5e, x5f)                       \
  AM_DETAIL_EACH_16(each, context, x60, x61, x62, x63, x64, x65, x66, x67,        \
                    x68, x69, x6a, x6b, x6c, x6d, x6e, x6f)                       \
  AM_DETAIL_EACH_16(each, context, x70, x71, x72, x73, x74, x75, x76, x77,        \
                    x78, x79, x7a, x7b, x7c, x7d, x7e, x7f)                       \
  AM_DETAIL_EACH_16(each, context, x80, x81, x82, x83, x84, x85, x86, x87,        \
                    x88, x89, x8a, x8b, x8c, x8d, x8e, x8f)                       \
  AM_DETAIL_EACH_16(each, context, x90, x91, x92, x93, x94, x95, x96, x97,        \
                    x98, x99, x9a, x9b, x9c, x9d, x9e, x9f)                       \
  AM_DETAIL_EACH_16(each, context, xa0, xa1, xa2, xa3, xa4, xa5, xa6, xa7,        \
                    xa8, xa9, xaa, xab, xac, xad, xae, xaf)                       \
  AM_DETAIL_EACH_16(each, context, xb0, xb1, xb2, xb3, xb4, xb5, xb6, xb7,        \
                    xb8, xb9, xba, xbb, xbc, xbd, xbe, xbf)                       \
  AM_DETAIL_EACH_16(each, context, xc0, xc1, xc2, xc3, xc4, xc5, xc6, xc7,        \
                    xc8, xc9, xca, xcb, xcc, xcd, xce, xcf)                       \
  AM_DETAIL_EACH_16(each, context, xd0, xd1, xd2, xd3, xd4, xd5, xd6, xd7,        \
                    xd8, xd9, xda, xdb, xdc, xdd, xde, xdf)                       \
  AM_DETAIL_EACH_16(each, context, xe0, xe1, xe2, xe3, xe4, xe5, xe6, xe7,        \
                    xe8, xe9, xea, xeb, xec, xed, xee, xef)                       \
  AM_DETAIL_EACH_16(each, context, xf0, xf1, xf2, xf3, xf4, xf5, xf6, xf7,        \
                    xf8, xf9, xfa, xfb, xfc, xfd, xfe, xff)                       \
  AM_DETAIL_EACH_1(beyond, context, over)
// clang-format on
