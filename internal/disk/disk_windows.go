package disk

import "golang.org/x/sys/windows"

// SyncDir has nothing to do: a directory cannot be synced here, and NTFS keeps names in its log.
func SyncDir(string) error { return nil }

// Free is the space on dir's file system that this process may still use, in bytes.
func Free(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}
