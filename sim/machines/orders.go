package machines

import (
	"time"

	"partita/node/api"
)

// notYet is the answer to what no simulated node takes so far.
func notYet() error {
	return &api.Error{Code: api.BadRequest, Message: "simulated nodes do not take this yet", Definite: true}
}

// ChangeMembers asks a node to change the configuration.
func (w *World) ChangeMembers(string, []api.MemberChange, time.Duration) (api.Members, error) {
	return api.Members{}, notYet()
}

// Transfer asks a node to let another one lead.
func (w *World) Transfer(string, string, time.Duration) (api.Transferred, error) {
	return api.Transferred{}, notYet()
}
