/*
 * Where the sanitizers of a process write, also of one that nginx started
 * with an environment of its own.
 */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *
__asan_default_options(void)
{
    return "exitcode=99:detect_leaks=1:detect_stack_use_after_return=1:"
           "strict_string_checks=1:log_path=" REPORTS "/asan";
}

const char *
__ubsan_default_options(void)
{
    return "print_stacktrace=1:exitcode=99:log_path=" REPORTS "/ubsan";
}
