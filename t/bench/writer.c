/*
 * An application that writes into the site database, and waits where it is
 * made to.
 *
 *     writer DATABASE PAUSE_MS
 *
 * Inserts a row of a table of its own, each in a transaction, until it gets
 * SIGTERM; then prints "count p50 p99 max", the latter in milliseconds.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

#define TIMES_MAX  1000000

static volatile sig_atomic_t  ended;
static double                 times[TIMES_MAX];


static void
on_term(int signo)
{
    (void) signo;
    ended = 1;
}


int
main(int argc, char **argv)
{
    int            n;
    double         began;
    sqlite3       *db;
    sqlite3_stmt  *insert;

    if (argc != 3 || sqlite3_open(argv[1], &db) != SQLITE_OK) {
        die("usage", "writer DATABASE PAUSE_MS");
    }

    signal(SIGTERM, on_term);
    sqlite3_busy_timeout(db, 60000);
    run(db, "CREATE TABLE IF NOT EXISTS application (id INTEGER PRIMARY KEY, "
            "note TEXT)");
    insert = prepare(db, "INSERT INTO application (note) VALUES ('written')");

    for (n = 0; n < TIMES_MAX && !ended; n++) {
        began = seconds();
        step(db, insert);
        times[n] = (seconds() - began) * 1e3;
        usleep((useconds_t) atoi(argv[2]) * 1000);
    }

    if (n == 0) {
        die(argv[1], "nothing was written");
    }

    sort_times(times, (size_t) n);
    printf("%d %.3f %.3f %.3f\n", n, times[n / 2], times[n * 99 / 100],
           times[n - 1]);

    sqlite3_finalize(insert);
    sqlite3_close(db);
    return 0;
}
