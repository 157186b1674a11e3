package core

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// A message is written as the name of its kind and its fields, and is read the
// same way, so that a line of a transcript can be sent again by hand: "Append
// prev=1t1 entries=[2t1:a] commit=1". 2t1 is index 2 of term 1. A field that is
// empty is left out.

// say gives a value as it stands in transcripts.
func say(v any) string {
	switch v := v.(type) {
	case SnapshotMeta:
		return fmt.Sprintf("%dt%d", v.Index, v.Term)
	case Term:
		return fmt.Sprintf("t%d", v)
	case RequestID:
		return fmt.Sprintf("%d.%d", v.Boot, v.Number)
	case []byte:
		return strconv.Quote(string(v))
	case [][]byte:
		var list []string
		for _, data := range v {
			list = append(list, string(data))
		}
		return "[" + strings.Join(list, " ") + "]"
	case Entry:
		return say(SnapshotMeta{v.Index, v.Term}) + ":" + content(v)
	case []Entry:
		var list []string
		for _, e := range v {
			list = append(list, say(e))
		}
		return "[" + strings.Join(list, " ") + "]"
	case Membership:
		s := "{" + strings.TrimSpace(list(v.Outgoing))
		if v.Joint() {
			s += " => "
		}
		s += strings.TrimSpace(list(v.Voters))
		if len(v.Learners) > 0 {
			s += "; learn" + list(v.Learners)
		}
		return s + "}"
	case Reason:
		return strconv.Quote(reasons[v])
	case Message:
		return sayMessage(v)
	}
	return fmt.Sprint(v)
}

// content says what an entry is for.
func content(e Entry) string {
	switch e.Kind {
	case Noop:
		return "noop"
	case Configuration:
		m, err := DecodeMembership(e.Data)
		if err != nil {
			return err.Error()
		}
		return say(m)
	}
	return string(e.Data)
}

// reasons are the words for a Reason, in its order.
var reasons = []string{
	NoLeader: "no leader", NotAccepted: "not accepted", Lost: "lost", Overloaded: "overloaded",
	Transferring: "transferring", NotLeader: "not leader", NotReady: "not ready", ChangePending: "change pending",
	BadChange: "bad change", CatchingUp: "catching up", Abandoned: "abandoned",
}

func sayMessage(m Message) string {
	v := reflect.ValueOf(m)
	s := v.Type().Name()
	yes := false
	for i := range v.NumField() {
		name, field := strings.ToLower(v.Type().Field(i).Name), v.Field(i)
		if field.Kind() == reflect.Bool {
			if yes = field.Bool(); yes {
				s += " " + name
			} else if name == "granted" || name == "accepted" {
				s += " refused"
			}
			continue
		}
		_, term := field.Interface().(Term)
		_, at := field.Interface().(SnapshotMeta)
		empty := field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0
		if !empty || term || at && !yes {
			s += " " + name + "=" + say(field.Interface())
		}
	}
	return s
}

// readField is the reverse of say for the type of v, which it sets.
func readField(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *SnapshotMeta:
		_, err := fmt.Sscanf(text, "%dt%d", &p.Index, &p.Term)
		return err
	case *Term:
		_, err := fmt.Sscanf(strings.TrimPrefix(text, "t"), "%d", p)
		return err
	case *RequestID:
		_, err := fmt.Sscanf(text, "%d.%d", &p.Boot, &p.Number)
		return err
	case *[]byte:
		data, err := strconv.Unquote(text)
		*p = []byte(data)
		return err
	case *[][]byte:
		for _, word := range split(strings.Trim(text, "[]")) {
			*p = append(*p, []byte(word))
		}
		return nil
	case *[]Entry:
		for _, word := range split(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")) {
			e, err := readEntry(word)
			if err != nil {
				return err
			}
			*p = append(*p, e)
		}
		return nil
	case *Membership:
		m, err := readMembership(text)
		*p = m
		return err
	case *Reason:
		for i, words := range reasons {
			if words == strings.Trim(text, `"`) {
				*p = Reason(i)
				return nil
			}
		}
		return fmt.Errorf("no reason is called %q", text)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	v.SetUint(n)
	return err
}

func readEntry(word string) (Entry, error) {
	place, text, _ := strings.Cut(word, ":")
	var e Entry
	if _, err := fmt.Sscanf(place, "%dt%d", &e.Index, &e.Term); err != nil {
		return e, fmt.Errorf("entry %q: %w", word, err)
	}
	switch {
	case text == "noop":
		e.Kind = Noop
	case strings.HasPrefix(text, "{"):
		m, err := readMembership(text)
		e.Kind, e.Data = Configuration, m.AppendTo(nil)
		return e, err
	default:
		e.Data = []byte(text)
	}
	return e, nil
}

// readMembership reads "{1 2 => 2 3; learn 4}": from voters 1 and 2 to voters 2 and 3.
func readMembership(text string) (m Membership, err error) {
	text, learners, _ := strings.Cut(strings.Trim(text, "{}"), "; learn")
	outgoing, voters, joint := strings.Cut(text, "=>")
	if !joint {
		outgoing, voters = "", text
	}
	for i, list := range []*[]NodeID{&m.Outgoing, &m.Voters, &m.Learners} {
		for _, word := range strings.Fields([]string{outgoing, voters, learners}[i]) {
			id, err := readID(word)
			if err != nil {
				return m, fmt.Errorf("configuration %q: %w", text, err)
			}
			*list = append(*list, id)
		}
	}
	return m, m.Validate()
}

func readID(word string) (NodeID, error) {
	id, err := strconv.ParseUint(word, 10, 64)
	return NodeID(id), err
}

// kinds has a message of every kind by its name.
func kinds() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, m := range append(messages, TimeoutNow{}) {
		all[reflect.TypeOf(m).Name()] = reflect.TypeOf(m)
	}
	return all
}

// readMessage reads the name of a kind and its fields.
func readMessage(list []string) (Message, error) {
	kind, ok := kinds()[list[0]]
	if !ok {
		return nil, fmt.Errorf("no message is called %q", list[0])
	}
	v := reflect.New(kind).Elem()
	for _, word := range list[1:] {
		key, text, pair := strings.Cut(word, "=")
		field := v.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
		switch {
		case key == "refused" && !field.IsValid():
		case !field.IsValid() || pair == (field.Kind() == reflect.Bool):
			return nil, fmt.Errorf("%s has no %q", list[0], word)
		case !pair:
			field.SetBool(true)
		default:
			if err := readField(field, text); err != nil {
				return nil, fmt.Errorf("%s: %w", word, err)
			}
		}
	}
	return v.Interface().(Message), nil
}
