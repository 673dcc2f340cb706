package sim

import (
	"time"

	"kiosk-agent/payment"
)

// The look-ups of the journal, which fail while the disk is blind.

func read[T any](d *disk, f func() (T, error)) (v T, err error) {
	if d.blind() {
		return v, errDisk
	}
	return f()
}

func (d *disk) Facts(id string) ([]payment.Fact, error) {
	return read(d, func() ([]payment.Fact, error) { return d.Journal.Facts(id) })
}

func (d *disk) ByMerchantRef(ref string) (string, error) {
	return read(d, func() (string, error) { return d.Journal.ByMerchantRef(ref) })
}

func (d *disk) ByReference(till, reference string) (string, error) {
	return read(d, func() (string, error) { return d.Journal.ByReference(till, reference) })
}

func (d *disk) Newest(till string) (string, error) {
	return read(d, func() (string, error) { return d.Journal.Newest(till) })
}

func (d *disk) List(till string, q payment.ListQuery) (payment.Page, error) {
	return read(d, func() (payment.Page, error) { return d.Journal.List(till, q) })
}

func (d *disk) Unsettled() ([]string, error) {
	return read(d, d.Journal.Unsettled)
}

func (d *disk) Owed(till string) ([]string, error) {
	return read(d, func() ([]string, error) { return d.Journal.Owed(till) })
}

func (d *disk) Seen(content string) (bool, error) {
	return read(d, func() (bool, error) { return d.Journal.Seen(content) })
}

func (d *disk) Kept(content string) (bool, error) {
	return read(d, func() (bool, error) { return d.Journal.Kept(content) })
}

func (d *disk) Unheard(id string) (bool, error) {
	return read(d, func() (bool, error) { return d.Journal.Unheard(id) })
}

func (d *disk) Places(since time.Time) (n int, bytes int64, err error) {
	if d.blind() {
		return 0, 0, errDisk
	}
	return d.Journal.Places(since)
}

func (d *disk) Sold(till string, from, until time.Time) (payment.Sold, error) {
	return read(d, func() (payment.Sold, error) { return d.Journal.Sold(till, from, until) })
}

func (d *disk) Left() ([]payment.Fact, error) {
	return read(d, d.Journal.Left)
}

func (d *disk) Junk() (f payment.Fact, ok bool, err error) {
	if d.blind() {
		return f, false, errDisk
	}
	return d.Journal.Junk()
}

func (d *disk) Parked() ([]payment.Fact, error) {
	return read(d, d.Journal.Parked)
}

func (d *disk) Proved() ([]payment.QueryProved, error) {
	return read(d, d.Journal.Proved)
}

func (d *disk) Watched(unpaid bool, limit int) ([]string, error) {
	return read(d, func() ([]string, error) { return d.Journal.Watched(unpaid, limit) })
}

func (d *disk) Head() (payment.Head, error) {
	return read(d, d.Journal.Head)
}

func (d *disk) RolledBack() (b payment.RolledBack, ok bool, err error) {
	if d.blind() {
		return b, false, errDisk
	}
	return d.Journal.RolledBack()
}

func (d *disk) GivenUp(h payment.Head) (bool, error) {
	return read(d, func() (bool, error) { return d.Journal.GivenUp(h) })
}

func (d *disk) BeforeLoss() (seq int64, at time.Time, err error) {
	if d.blind() {
		return 0, at, errDisk
	}
	return d.Journal.BeforeLoss()
}

func (d *disk) Entry(seq int64) (f payment.Fact, ok bool, err error) {
	if d.blind() {
		return f, false, errDisk
	}
	return d.Journal.Entry(seq)
}

func (d *disk) Position() (p payment.Position, ok bool, err error) {
	if d.blind() {
		return p, false, errDisk
	}
	return d.Journal.Position()
}

func (d *disk) HashAt(seq int64) (hash string, ok bool, err error) {
	if d.blind() {
		return "", false, errDisk
	}
	return d.Journal.HashAt(seq)
}

// Writable is nil when the next sale can be committed.
func (d *disk) Writable() error {
	if d.w.t < d.badUntil {
		return errDisk
	}
	return d.Journal.Writable()
}
