/*
 * To be preloaded into a server: while the file $NO_MEMORY exists, one in as many allocations of C++ as stand in it
 * fails. Which ones depends on the process and on how many it made.
 */
#include <cstdio>
#include <cstdlib>
#include <new>

#include <unistd.h>

static unsigned random_state = 0;

static bool is_to_fail()
{
    const char *name = getenv("NO_MEMORY");
    FILE *flag = name != nullptr ? fopen(name, "r") : nullptr;
    unsigned one_in = 0;
    if (flag == nullptr)
        return false;
    bool is_asked_for = fscanf(flag, "%u", &one_in) == 1 && one_in > 0;
    fclose(flag);
    if (random_state == 0)
        random_state = static_cast<unsigned>(getpid());
    random_state = random_state * 1664525u + 1013904223u;
    return is_asked_for && (random_state >> 8) % one_in == 0;
}

void *operator new(std::size_t size)
{
    void *bytes = is_to_fail() ? nullptr : malloc(size > 0 ? size : 1);
    if (bytes == nullptr)
        throw std::bad_alloc();
    return bytes;
}
