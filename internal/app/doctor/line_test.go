package doctor

import (
	"context"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/device/till"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
)

// A line that is open and echoes is named, with its cure.
func TestALineThatEchoesIsNamed(t *testing.T) {
	st := device.TillStatus{Name: "till-2", Kind: "serial", Connected: true,
		Error: till.TroubleEcho.Text(), Hint: till.TroubleEcho.Cure()}
	var status agent.Status
	status.Tills = []device.TillStatus{st}
	c := &checker{status: &status}
	f := c.line(context.Background(), config.Serial{Name: "till-2", Device: "/dev/ttyUSB0"})
	if f.State != Wrong || f.Found != st.Error || f.Do != st.Hint || f.Do == "" {
		t.Errorf("%+v", f)
	}
}
