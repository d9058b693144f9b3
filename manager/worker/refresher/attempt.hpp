/*
 * An attempt to refresh some stream tables in one transaction, which may end its process: code of the query makes an
 * error FATAL, or does not end when it is canceled. The process notes that in the mailbox when it exits, and the next
 * job counts a failure and does not retry the refresh. Where the process crashes, and the server with it, the next
 * start of the server notes it (mailbox/kept_attempts.hpp). A process that is asked to end by SIGTERM, as by
 * pg_terminate_backend() or at the end of the server, notes nothing.
 *
 * C++ frames unless a comment says otherwise.
 */
#pragma once

#include "scheduler/job.hpp"

namespace pgtrickle::worker {

/* The ones of which the end of the process is a failure: each of the members, which are refreshed together always; one
 * of them; or a move of their rows, where the members have been refreshed already. */
enum class Blame { each, one, move };

/* Lasts as long as the attempt, and shows it to health_check(). There is one at a time. */
class Attempt {
  public:
    /* `members` must outlive the object. */
    Attempt(const scheduler::Ids &members, Blame blame);
    ~Attempt();
    Attempt(const Attempt &) = delete;
    Attempt &operator=(const Attempt &) = delete;

    void note_process_end() const noexcept;

  private:
    int count() const noexcept;
    scheduler::ProcessEnd how(scheduler::ProcessEnd of_one) const noexcept;

    const scheduler::Ids &members_;
    Blame blame_;
};

/* Must be called once by each process that refreshes, before its first refresh. PostgreSQL frame. */
void prepare_attempts();

/* The handler of SIGTERM in these processes. */
extern "C" void pgtrickle_end_process(int signal);

} // namespace pgtrickle::worker
