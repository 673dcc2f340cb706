package ecr

import "testing"

// lineFrames is how many frames of that size a line at 9600 8N1 carries in a second: ten bits for
// each byte.
func lineFrames(size int) float64 { return 960 / float64(size) }

func report(b *testing.B, size int) {
	perSecond := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "frames/s")
	b.ReportMetric(lineFrames(size), "line-frames/s")
	b.ReportMetric(perSecond/lineFrames(size), "x-line")
	b.SetBytes(int64(size))
}

func BenchmarkScan(b *testing.B) {
	for _, d := range all(b) {
		b.Run(d.Name(), func(b *testing.B) {
			frame, s := frameOf(b, d, sale(b, d, 1023).Message), d.NewRequestScanner()
			b.ReportAllocs()
			for b.Loop() {
				if ev, _ := s.Next(frame); ev.Kind != Frame || ev.Err != nil {
					b.Fatal(ev)
				}
			}
			report(b, len(frame))
		})
	}
}

func BenchmarkScanByteByByte(b *testing.B) {
	d := dialect(b, "paycube")
	frame, s := frameOf(b, d, sale(b, d, 1023).Message), d.NewRequestScanner()
	b.ReportAllocs()
	for b.Loop() {
		found := false
		for i := range frame {
			ev, _ := s.Next(frame[i : i+1])
			found = ev.Kind == Frame
		}
		if !found {
			b.Fatal("no frame")
		}
	}
	report(b, len(frame))
}

func BenchmarkAppend(b *testing.B) {
	for _, d := range all(b) {
		b.Run(d.Name(), func(b *testing.B) {
			req, buf := sale(b, d, 1023), make([]byte, 0, d.MaxFrame())
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = d.Append(buf[:0], req.Message); err != nil {
					b.Fatal(err)
				}
			}
			report(b, len(buf))
		})
	}
}

func BenchmarkRespond(b *testing.B) {
	d := dialect(b, "paycube")
	req, size := sale(b, d, 1023), 0
	data := paid(req)
	b.ReportAllocs()
	for b.Loop() {
		size = len(d.Respond(req.Message, Approved, data))
	}
	report(b, size)
}

func TestNoAllocationPerFrame(t *testing.T) {
	for _, d := range all(t) {
		req := sale(t, d, 1023)
		frame, s, buf := frameOf(t, d, req.Message), d.NewRequestScanner(),
			make([]byte, 0, d.MaxFrame())
		spoilt := append([]byte(nil), frame...)
		spoilt[len(spoilt)-1] ^= 1
		n := testing.AllocsPerRun(100, func() {
			ev, _ := s.Next(frame)
			_, errAmount := ev.Request.Amount()
			_, errSchemes := ev.Request.Schemes()
			_, errAppend := d.Append(buf[:0], ev.Request.Message)
			if sum := ev.Request.Digest(); ev.Request.Kind() != KindSale || errAmount != nil ||
				errSchemes != nil || errAppend != nil || sum[0] == 0 && sum[1] == 0 {
				t.Fatal(errAmount, errSchemes, errAppend)
			}
			s.Next(spoilt)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", d.Name(), n)
		}
	}
}
