package trace

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	steps := []Step{
		{Number: 1, At: time.Second, Kind: Send, Node: "n1", Peer: "n2", Message: 4, Text: "Vote term 2 <&>", State: "candidate, term 2"},
		{Number: 2, At: 2 * time.Second, Kind: Drop, Node: "n2", Peer: "n1", Message: 4, Text: "lost: the link is cut"},
	}
	var b bytes.Buffer
	if err := Write(&b, steps); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil || !reflect.DeepEqual(got, steps) {
		t.Fatalf("read %+v, %v; want %+v", got, err, steps)
	}
}

func TestABadLineIsNamed(t *testing.T) {
	_, err := Read(strings.NewReader(`{"step":1,"at":0,"kind":"timer","text":"x"}` + "\nnonsense\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Fatalf("got %v; want an error that names line 2", err)
	}
}
