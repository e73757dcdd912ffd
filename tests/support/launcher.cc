// Launcher: becomes a program that dies with the test that started it.
//
//   launcher PARENT_PID SIGNAL USER PROGRAM [ARGUMENT...]
//
// A test that crashes or that ctest kills at its time limit must leave no broker behind, so the
// kernel is asked to send SIGNAL when the parent goes. That cannot be done between fork and exec of
// the test itself, because the request is forgotten when the user changes, and PostgreSQL refuses
// to run as root. USER "-" keeps the user.
//
// Source        prctl(2), PR_SET_PDEATHSIG: cleared by a change of credentials; sent when
//               the parent *thread* ends, so children are started from threads that live as long as
//               the test.
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool BecomeUser(const char* name) {
  const passwd* user = getpwnam(name);
  return user != nullptr && initgroups(name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
         setuid(user->pw_uid) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    static_cast<void>(std::fputs("usage: launcher PARENT_PID SIGNAL USER PROGRAM [ARGUMENT...]\n",
                                 stderr));  // ignored because the exit code says it too
    return 64;
  }
  if (std::strcmp(argv[3], "-") != 0 && !BecomeUser(argv[3])) {
    std::perror(argv[3]);
    return 77;
  }
  if (prctl(PR_SET_PDEATHSIG, std::atoi(argv[2])) != 0) {
    std::perror("prctl");
    return 71;
  }
  // The parent may have gone before the request was made.
  if (getppid() != std::atoi(argv[1])) return 75;
  execvp(argv[4], argv + 4);
  std::perror(argv[4]);
  return 127;
}
