package rights

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// lowering is how many calls of As are under way, and for whom.
var lowering struct {
	sync.Mutex
	depth  int
	uid    int
	groups []int // root's
}

func root() bool { return os.Geteuid() == 0 }

// lowered is whether this is root as somebody else.
func lowered() bool { return os.Getuid() == 0 && !root() }

func idsOf(info fs.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return 0, 0
}

// linked is whether a file in o's directory is not his, and has another name.
func linked(info fs.FileInfo, o owner) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) != o.uid && st.Nlink > 1
}

// as lowers the rights, runs f, and takes them back when the last call ends.
func as(o owner, f func() error) (err error) {
	if err := lower(o); err != nil {
		return fmt.Errorf("%s belongs to the user %d, and work there is his: %w", o.dir, o.uid, err)
	}
	defer raise()
	return f()
}

func lower(o owner) (err error) {
	lowering.Lock()
	defer lowering.Unlock()
	if lowering.depth > 0 {
		if o.uid != 0 && o.uid != lowering.uid {
			return errors.New("another user's work is under way")
		}
		lowering.depth++
		return nil
	}
	if lowering.groups, err = os.Getgroups(); err != nil {
		return err
	}
	// The groups first: afterwards nobody may change them. The real user stays root, so that the
	// other one can neither end this process nor look into it.
	gid, groups := groupsOf(o)
	err = syscall.Setgroups(groups)
	if err == nil {
		err = syscall.Setresgid(0, gid, 0)
	}
	if err == nil {
		err = syscall.Setresuid(0, o.uid, 0)
	}
	if err != nil {
		back()
		return err
	}
	lowering.depth, lowering.uid = 1, o.uid
	return nil
}

// groupsOf is a user's group, the directory's where he is not known, and all that he is in. None of
// them is root's.
func groupsOf(o owner) (gid int, all []int) {
	ids := []string{strconv.Itoa(o.gid)}
	if u, err := user.LookupId(strconv.Itoa(o.uid)); err == nil {
		ids = []string{u.Gid}
		if more, err := u.GroupIds(); err == nil {
			ids = append(ids, more...)
		}
	}
	for _, id := range append(ids, strconv.Itoa(o.uid)) { // the last where there is no other
		if n, err := strconv.Atoi(id); err == nil && n != 0 && (len(all) == 0 ||
			id != strconv.Itoa(o.uid)) {
			all = append(all, n)
		}
	}
	return all[0], all
}

func raise() {
	lowering.Lock()
	defer lowering.Unlock()
	if lowering.depth--; lowering.depth == 0 {
		back()
	}
}

// back makes the process root again. It was root, so that this cannot fail; where it did, nothing
// could be said of whose rights it has.
func back() {
	if err := errors.Join(syscall.Setresuid(0, 0, 0), syscall.Setresgid(0, 0, 0),
		syscall.Setgroups(lowering.groups)); err != nil {
		panic(err)
	}
}

// Dial connects to a Unix socket, as Open opens a file: root is led to no other program's.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	if !root() {
		return d.DialContext(ctx, "unix", path)
	}
	f, err := open(path, unix.O_PATH)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: err}
	}
	defer f.Close()
	return d.DialContext(ctx, "unix", "/proc/self/fd/"+strconv.Itoa(int(f.Fd())))
}
