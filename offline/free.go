package offline

// Free is the space in bytes that this process may still use on dir's file system.
func Free(dir string) (int64, error) { return freeIn(dir) }
