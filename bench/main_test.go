package bench

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true // or its idle connections would look like leaks
	goleak.VerifyTestMain(m)
}
