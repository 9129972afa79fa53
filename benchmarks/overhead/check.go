package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// checkBody checks the body that was sent for an original. It has to name the tier exactly once, with no other change. If
// tier is "", every byte has to be that of the original.
func checkBody(sent, original []byte, tier string) error {
	want := 0
	if tier != "" {
		want = 1
	}
	if n := bytes.Count(sent, []byte(`"service_tier"`)); n != want {
		return fmt.Errorf(`the body has "service_tier" %d times, want %d`, n, want)
	}
	if tier == "" {
		if !bytes.Equal(sent, original) {
			return errors.New("the body has changed")
		}
		return nil
	}
	var got, all map[string]any
	if err := errors.Join(json.Unmarshal(sent, &got), json.Unmarshal(original, &all)); err != nil {
		return err
	}
	if got["service_tier"] != tier {
		return fmt.Errorf("the body asks for tier %v, want %q", got["service_tier"], tier)
	}
	delete(got, "service_tier")
	if !reflect.DeepEqual(got, all) {
		return errors.New("more of the body has changed than its tier")
	}
	return nil
}
