package reuse

import "time"

type Report struct{ Living int }

func (h *Holder) Report(at time.Time) Report { return Report{} }
