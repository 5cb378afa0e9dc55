package auth

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// components are the identifiers of what is signed (RFC 9421 section 2).
func (g Signature) components(body bool) ([]httpsfv.Item, error) {
	names := g.Components
	if names == nil {
		names = []string{"@method", "@target-uri", "content-digest"}
	}
	var ids []httpsfv.Item
	seen := map[string]bool{}
	for _, text := range names {
		id, err := parseComponent(text)
		if err != nil {
			return nil, err
		}
		known, err := httpsfv.Marshal(id)
		if err != nil || seen[known] {
			return nil, final(fmt.Sprintf("the component %q is there twice (RFC 9421 section 2)", text))
		}
		seen[known] = true
		if body || !strings.HasPrefix(id.Value.(string), "content-") {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// parseComponent reads an identifier: a name, and parameters as of a structured field.
func parseComponent(text string) (httpsfv.Item, error) {
	name, parameters, some := strings.Cut(text, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	quoted := `"` + name + `"`
	if some {
		quoted += ";" + parameters
	}
	id, err := httpsfv.UnmarshalItem([]string{quoted})
	if err != nil || id.Value != name || name == "" {
		return httpsfv.Item{}, final(fmt.Sprintf("the component %q is not written as in RFC 9421: a name, and parameters such as ;bs or ;key=\"a\"", text))
	}
	if wrong := checkComponent(name, id.Params); wrong != "" {
		return httpsfv.Item{}, final(fmt.Sprintf("the component %q %s", text, wrong))
	}
	return id, nil
}

func checkComponent(name string, p *httpsfv.Params) string {
	given := p.Names()
	switch {
	case slices.Contains(given, "req") || slices.Contains(given, "tr") || name == "@status":
		return "is for answers or trailers: a request has none"
	case name == "@query-param":
		if value, _ := p.Get("name"); len(given) == 1 && isText(value) {
			return ""
		}
		return `has no name alone: write @query-param;name="id"`
	case slices.Contains([]string{"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"}, name):
		if len(given) > 0 {
			return "takes no parameters"
		}
		return ""
	case name[0] == '@' || !field.IsToken(name):
		return "is no field, and none of RFC 9421 section 2.2"
	}
	for _, parameter := range given {
		value, _ := p.Get(parameter)
		if on := value == true; (parameter == "key" && isText(value)) || (on && (parameter == "sf" || parameter == "bs")) {
			continue
		}
		return `has a parameter that is none of ;sf ;bs and ;key="a"`
	}
	if slices.Contains(given, "bs") && len(given) > 1 {
		return "has bs beside sf or key, which exclude each other (RFC 9421 section 2.1)"
	}
	return ""
}

func isText(v any) bool { _, ok := v.(string); return ok }

func covers(ids []httpsfv.Item, name string) bool {
	return slices.ContainsFunc(ids, func(id httpsfv.Item) bool { return id.Value == name })
}

// signatureBase is what is signed (RFC 9421 section 2.5).
func signatureBase(req *http.Request, list httpsfv.InnerList) (string, error) {
	var b strings.Builder
	for _, id := range list.Items {
		name, err := httpsfv.Marshal(id)
		if err != nil {
			return "", err
		}
		value, err := componentValue(req, id)
		if err != nil {
			return "", fmt.Errorf("the component %s: %w", name, err)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r > '~' || (r < ' ' && r != '\t') }) {
			return "", fmt.Errorf("the component %s: %w", name, final("its value is not printable ASCII: sign its bytes, with ;bs"))
		}
		b.WriteString(name + ": " + value + "\n")
	}
	parameters, err := httpsfv.Marshal(list)
	if err != nil {
		return "", final("a parameter is not in ASCII (RFC 9651 section 3.3.3)")
	}
	b.WriteString(`"@signature-params": ` + parameters)
	return b.String(), nil
}

func componentValue(req *http.Request, id httpsfv.Item) (string, error) {
	name := id.Value.(string)
	switch name {
	case "@method":
		return method(req), nil
	case "@target-uri":
		return PartURL.text(&signing{req: req}), nil
	case "@authority":
		return authority(req), nil
	case "@scheme":
		return strings.ToLower(req.URL.Scheme), nil
	case "@request-target":
		return requestTarget(req), nil
	case "@path":
		return PartPath.text(&signing{req: req}), nil
	case "@query":
		return "?" + req.URL.RawQuery, nil
	case "@query-param":
		wanted, _ := id.Params.Get("name")
		return queryParam(req.URL.RawQuery, wanted.(string))
	}
	lines := fieldLines(req, name)
	if len(lines) == 0 {
		return "", final("the request has no such field: set it, or leave it out of Components")
	}
	return fieldValue(lines, id.Params)
}

// authority is the host as HTTP normalizes it: in lower case, without an empty or the default
// port.
func authority(req *http.Request) string {
	name := strings.TrimSuffix(strings.ToLower(host(req)), ":")
	switch strings.ToLower(req.URL.Scheme) {
	case "https":
		return strings.TrimSuffix(name, ":443")
	case "http":
		return strings.TrimSuffix(name, ":80")
	}
	return name
}

// requestTarget is that of HTTP/1.1, which names all of the URL to a proxy of plain http.
func requestTarget(req *http.Request) string {
	if req.URL.Scheme == "http" && middleware.Proxy(req) != nil {
		return PartURL.text(&signing{req: req})
	}
	return req.URL.RequestURI()
}

// queryParam is the value of a parameter (RFC 9421 section 2.2.8), both encoded anew.
func queryParam(query, wanted string) (string, error) {
	var found []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if formEscape(name) == wanted && pair != "" {
			found = append(found, formEscape(value))
		}
	}
	switch len(found) {
	case 0:
		return "", final("the query has no such parameter")
	case 1:
		return found[0], nil
	}
	return "", final("the query has several such parameters: sign @query (RFC 9421 section 2.2.8)")
}

// formEscape is the percent-encoding of forms, with %20 for a space, of what is encoded.
func formEscape(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	return strings.NewReplacer("+", "%20", "~", "%7E", "%2A", "*").Replace(url.QueryEscape(plain))
}

// fieldValue is a field as its parameters say (RFC 9421 section 2.1).
func fieldValue(lines []string, p *httpsfv.Params) (string, error) {
	if _, ok := p.Get("bs"); ok {
		var sequences []string
		for _, line := range lines {
			sequences = append(sequences, ":"+base64.StdEncoding.EncodeToString([]byte(line))+":")
		}
		return strings.Join(sequences, ", "), nil
	}
	if key, ok := p.Get("key"); ok {
		dictionary, err := httpsfv.UnmarshalDictionary(lines)
		if err != nil {
			return "", final("the field is no dictionary (RFC 9651 section 3.2)")
		}
		member, ok := dictionary.Get(key.(string))
		if !ok {
			return "", final("the dictionary has no such member")
		}
		return httpsfv.Marshal(member.(httpsfv.StructuredFieldValue))
	}
	if _, ok := p.Get("sf"); ok {
		return strict(lines)
	}
	return strings.Join(lines, ", "), nil
}

// strict is the strict form of a structured field. Nothing tells its type: where the
// types that it may have differ in their form, there is none.
func strict(lines []string) (string, error) {
	var forms []string
	add := func(v httpsfv.StructuredFieldValue, err error) {
		if err == nil {
			if text, err := httpsfv.Marshal(v); err == nil && !slices.Contains(forms, text) {
				forms = append(forms, text)
			}
		}
	}
	dictionary, err := httpsfv.UnmarshalDictionary(lines)
	add(dictionary, err)
	list, err := httpsfv.UnmarshalList(lines)
	add(list, err)
	item, err := httpsfv.UnmarshalItem(lines)
	add(item, err)
	switch len(forms) {
	case 1:
		return forms[0], nil
	case 0:
		return "", final("the field is no structured field: leave ;sf out")
	}
	return "", final("the field may be a list or a dictionary, which differ in their strict form: leave ;sf out")
}
