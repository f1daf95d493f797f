/* What is asked of the configuration. */
#define __ARG_PLACEHOLDER_1 0,
#define __second(a, b, ...) b
#define __set(x) ___set(x)
#define ___set(v) ____set(__ARG_PLACEHOLDER_##v)
#define ____set(a_or_b) __second(a_or_b 1, 0)
#define IS_ENABLED(option) __set(option)
