package pagetest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/observe"
)

// archive is a HAR of a world's calls: well, failed, refused, redirected, timed out.
func archive(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "calls.har")
	har := &observe.HAR{File: file, Bodies: 1 << 10}
	w := newWorld(t, har)
	w.run(t.Context(), 20)
	w.fail(t.Context())
	w.slow(t.Context())
	require.NoError(t, har.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return text
}

func TestAnArchiveIsOneByTheSchema(t *testing.T) {
	text := archive(t)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("testdata/har-1.2.schema.json")
	require.NoError(t, err)
	var har map[string]any
	require.NoError(t, json.Unmarshal(text, &har))
	require.NoError(t, schema.Validate(har))
	require.NotContains(t, string(text), secret)

	entries := har["log"].(map[string]any)["entries"].([]any)
	require.Greater(t, len(entries), 30)
	delete(entries[0].(map[string]any), "timings")
	require.Error(t, schema.Validate(har), "a schema that everything passes is none")
}

// The developer tools open a file by these two lines.
const opens = `(async text => {
	const har = await import("devtools://devtools/bundled/models/har/har.js");
	const log = new har.HARFormat.HARRoot(JSON.parse(text)).log;
	return har.Importer.Importer.requestsFromHARLog(log).map(r => [
		r.requestMethod, new URL(r.url()).pathname, r.statusCode, r.resourceType().name(), r.duration > 0 && r.latency > 0 ? "timed" : "",
	].join(" "));
})`

func TestTheDeveloperToolsOpenAnArchive(t *testing.T) {
	text, err := json.Marshal(string(archive(t)))
	require.NoError(t, err)
	b := start(t) // whose console is not ours
	b.do(chromedp.Navigate("devtools://devtools/bundled/devtools_app.html"))
	requests, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](opens+"("+string(text)+")", chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	require.Greater(t, len(requests), 30)
	require.Contains(t, requests, "PUT /orders/503 503 fetch timed")
	require.Contains(t, requests, "PUT /orders/slow 0 fetch timed")
}
