#include "catalog/presence.hpp"

extern "C" {
#include "access/xlogdefs.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "common/file_perm.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"
}

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pgtrickle::catalog {

namespace {

constexpr const char *folder = "pg_trickle";
constexpr const char *path = "pg_trickle/presence";
constexpr const char *new_path = "pg_trickle/presence.new";
constexpr const char *format = "left at %llu\nabsent until %llu\n"; /* bytes of WAL */

struct Presence {
    XLogRecPtr left_at = InvalidXLogRecPtr; /* the checkpoint at the end of our run; invalid: we are running */
    XLogRecPtr absent_until = InvalidXLogRecPtr;
};

Presence &presence()
{
    static Presence instance;
    return instance;
}

/* The functions up to follow_presence() run in the postmaster. They are PostgreSQL frames, and raise no error. */

bool read_file(Presence *read)
{
    char text[128] = "";
    const int file = open(path, O_RDONLY | O_CLOEXEC | PG_BINARY, 0);
    if (file < 0)
        return false;
    const ssize_t length = ::read(file, text, sizeof(text) - 1);
    close(file);
    unsigned long long left_at, absent_until;
    if (length <= 0 || sscanf(text, format, &left_at, &absent_until) != 2)
        return false;
    *read = {left_at, absent_until};
    return true;
}

void write_file(const Presence &written)
{
    char text[128];
    snprintf(text, sizeof(text), format, static_cast<unsigned long long>(written.left_at),
             static_cast<unsigned long long>(written.absent_until));
    const auto length = static_cast<ssize_t>(strlen(text));
    if (mkdir(folder, pg_dir_create_mode) != 0 && errno != EEXIST)
        ereport(LOG, (errcode_for_file_access(), errmsg("could not create directory \"%s\": %m", folder)));
    const int file = open(new_path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | PG_BINARY, pg_file_create_mode);
    if (file < 0 || ::write(file, text, length) != length) {
        ereport(LOG, (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", new_path)));
        if (file >= 0)
            close(file);
        return;
    }
    close(file);
    (void)durable_rename(new_path, path, LOG);
}

/* Returns where the server was at its last checkpoint; false if that cannot be read. */
bool read_control(DBState *state, XLogRecPtr *checkpoint)
{
    bool is_intact = false;
    ControlFileData *control = get_controlfile(DataDir, &is_intact);
    *state = control->state;
    *checkpoint = control->checkPoint;
    pfree(control);
    return is_intact;
}

bool was_absent(const Presence &noted, DBState state, XLogRecPtr checkpoint)
{
    switch (state) {
    case DB_SHUTDOWNED: return noted.left_at != checkpoint;
    case DB_SHUTDOWNING:
    case DB_IN_PRODUCTION: return noted.left_at != InvalidXLogRecPtr;
    default: return false; /* in recovery */
    }
}

void leave(int, Datum)
{
    DBState state;
    XLogRecPtr checkpoint;
    if (!read_control(&state, &checkpoint) || (state != DB_SHUTDOWNED && state != DB_SHUTDOWNED_IN_RECOVERY))
        return;
    presence().left_at = checkpoint;
    write_file(presence());
}

} // namespace

void follow_presence()
{
    static bool is_following = false; /* the postmaster starts shared memory again after a crash */
    DBState state;
    XLogRecPtr checkpoint;
    if (is_following || IsUnderPostmaster)
        return;
    is_following = true;
    Presence noted;
    if (!read_control(&state, &checkpoint))
        return;
    if (read_file(&noted) && was_absent(noted, state, checkpoint)) {
        noted.absent_until = checkpoint;
        ereport(LOG, (errmsg("the server was running without pg_trickle in shared_preload_libraries"),
                      errdetail("All stream tables are set up again.")));
    }
    noted.left_at = InvalidXLogRecPtr;
    presence() = noted;
    write_file(noted);
    on_proc_exit(leave, 0);
}

uint64 end_of_absence()
{
    return presence().absent_until;
}

} // namespace pgtrickle::catalog
