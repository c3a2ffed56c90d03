// Several vectors that go through the same arithmetic side by side. A function such as e^x is one long chain in which
// each operation waits for the one before, and a processor looks too few operations ahead to find enough work in the
// chains of the next vectors. Included after math/simd.h, once for each target, hence no include guard here.
//
// Group<F32, N>, Group<I32, N> and Group<Mask, N> take part in the operations of F32, I32 and Mask, with one another or
// with a single vector that then stands for N equal ones: fma(group, group, set(1.0f)).

AEVB_BEFORE_KERNELS

template <typename T, int N>
struct Group {
  static constexpr int size = N * F32::size;
  T head;
  Group<T, N - 1> tail;
};
template <typename T>
struct Group<T, 1> {
  static constexpr int size = F32::size;
  T head;
};

template <typename T>
constexpr int vectors_in = 0;
template <typename T, int N>
constexpr int vectors_in<Group<T, N>> = N;

constexpr int most(int a) { return a; }
template <typename... Rest>
constexpr int most(int a, int b, Rest... rest) {
  return most(a > b ? a : b, rest...);
}

template <typename... T>
concept Grouped = most(vectors_in<T>...) > 0;

template <typename T>
AEVB_INLINE T head_of(T a) {
  return a;
}
template <typename T, int N>
AEVB_INLINE T head_of(Group<T, N> a) {
  return a.head;
}
template <typename T>
AEVB_INLINE T tail_of(T a) {
  return a;
}
template <typename T, int N>
AEVB_INLINE Group<T, N - 1> tail_of(Group<T, N> a) {
  return a.tail;
}

// The results for the first vectors and for all the others; a group of one has no others.
#define AEVB_GROUP_RESULT(count, first, others)          \
  {                                                      \
    if constexpr ((count) == 1) {                        \
      return Group<decltype(first), 1>{first};           \
    } else {                                             \
      return Group<decltype(first), (count)>{first, others}; \
    }                                                    \
  }
#define AEVB_GROUP_UNARY(f)       \
  template <typename A>           \
  AEVB_INLINE auto f(A a)         \
    requires Grouped<A>           \
  AEVB_GROUP_RESULT(vectors_in<A>, f(head_of(a)), f(tail_of(a)))
#define AEVB_GROUP_BINARY(f)            \
  template <typename A, typename B>     \
  AEVB_INLINE auto f(A a, B b)          \
    requires Grouped<A, B>              \
  AEVB_GROUP_RESULT(most(vectors_in<A>, vectors_in<B>), f(head_of(a), head_of(b)), f(tail_of(a), tail_of(b)))
#define AEVB_GROUP_OPERATOR(op)                \
  template <typename A, typename B>            \
  AEVB_INLINE auto operator op(A a, B b)       \
    requires Grouped<A, B>                     \
  AEVB_GROUP_RESULT(most(vectors_in<A>, vectors_in<B>), head_of(a) op head_of(b), tail_of(a) op tail_of(b))
#define AEVB_GROUP_TERNARY(f)                                                                  \
  template <typename A, typename B, typename C>                                                \
  AEVB_INLINE auto f(A a, B b, C c)                                                            \
    requires Grouped<A, B, C>                                                                  \
  AEVB_GROUP_RESULT(most(vectors_in<A>, vectors_in<B>, vectors_in<C>), f(head_of(a), head_of(b), head_of(c)), \
                    f(tail_of(a), tail_of(b), tail_of(c)))
#define AEVB_GROUP_SHIFT(f)     \
  template <int BITS, typename A>  \
  AEVB_INLINE auto f(A a)       \
    requires Grouped<A>         \
  AEVB_GROUP_RESULT(vectors_in<A>, f<BITS>(head_of(a)), f<BITS>(tail_of(a)))

AEVB_GROUP_UNARY(operator-)
AEVB_GROUP_UNARY(abs)
AEVB_GROUP_UNARY(sqrt)
AEVB_GROUP_UNARY(bits_of)
AEVB_GROUP_UNARY(float_of)
AEVB_GROUP_UNARY(to_int)
AEVB_GROUP_UNARY(from_int)
AEVB_GROUP_SHIFT(shift_left)
AEVB_GROUP_SHIFT(shift_right)
AEVB_GROUP_OPERATOR(+)
AEVB_GROUP_OPERATOR(-)
AEVB_GROUP_OPERATOR(*)
AEVB_GROUP_OPERATOR(/)
AEVB_GROUP_OPERATOR(&)
AEVB_GROUP_OPERATOR(|)
AEVB_GROUP_OPERATOR(^)
AEVB_GROUP_BINARY(min)
AEVB_GROUP_BINARY(max)
AEVB_GROUP_BINARY(less)
AEVB_GROUP_BINARY(less_equal)
AEVB_GROUP_TERNARY(fma)
AEVB_GROUP_TERNARY(fnma)
AEVB_GROUP_TERNARY(select)

#undef AEVB_GROUP_RESULT
#undef AEVB_GROUP_UNARY
#undef AEVB_GROUP_BINARY
#undef AEVB_GROUP_OPERATOR
#undef AEVB_GROUP_TERNARY
#undef AEVB_GROUP_SHIFT

// V is F32 or a group of them; neighbours in memory.
template <typename V>
AEVB_INLINE V load_all(const float* from) {
  if constexpr (vectors_in<V> == 0) {
    return load(from);
  } else if constexpr (vectors_in<V> == 1) {
    return {load(from)};
  } else {
    return {load(from), load_all<decltype(V::tail)>(from + F32::size)};
  }
}
template <int N>
AEVB_INLINE void store(float* to, Group<F32, N> a) {
  store(to, a.head);
  if constexpr (N > 1) store(to + F32::size, a.tail);
}

// Across the vectors of a group, lane by lane.
template <typename V>
AEVB_INLINE F32 sum_across(V a) {
  if constexpr (vectors_in<V> > 1) {
    return a.head + sum_across(a.tail);
  } else {
    return head_of(a);
  }
}
template <typename V>
AEVB_INLINE F32 product_across(V a) {
  if constexpr (vectors_in<V> > 1) {
    return a.head * product_across(a.tail);
  } else {
    return head_of(a);
  }
}

// As many as the registers hold beside the constants, and as divide a panel of the built-in product.
#if AEVB_TARGET == AEVB_TARGET_AVX512 || AEVB_TARGET == AEVB_TARGET_NEON
using F32s = Group<F32, 3>;
#else
using F32s = Group<F32, 2>;
#endif

AEVB_AFTER_KERNELS
