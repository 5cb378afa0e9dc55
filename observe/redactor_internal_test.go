package observe

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestNamesThatTellOfSecrets(t *testing.T) {
	var m mask
	for name := range strings.FieldsSeq(`
		password Password PASSWORD passwd pwd pass user_password userPassword password_confirmation new-password user[password] user.password dbpassword password2
		passphrase passcode mysql_pwd secret client_secret clientSecret token access_token accessToken refresh_token id_token csrf_token X-CSRF-Token authenticity_token
		api_key apiKey apikey APIKey X-Api-Key api.key private_key privateKey accessKeyId secretAccessKey aws_secret_access_key encryption_key signing-key
		auth authorization Proxy-Authorization credentials session sessionid session_id JSESSIONID PHPSESSID connect.sid cookie set_cookie
		otp totp pin PIN userPin accessPIN cvv cvc cvv2 card_number cardNumber creditCard cc_number ccnum iban ssn social_security_number socialSecurityNumber
		nonce code_verifier device_code user_code client_assertion assertion saml_response SAMLResponse signature X-Amz-Signature X-Amz-Credential sig salt encrypted_password crypt certificate
		connectionString DSN passport_number taxId national_id contraseña contrasen~a kennwort jwt bearer dpop_token xsrf _csrf _xsrf webhook_url`) {
		require.True(t, m.isSecret(name), name)
	}
	for by, names := range map[string]string{
		"Sentry":  "password passwd secret api_key apikey auth credentials mysql_pwd privatekey private_key token session csrftoken sessionid x_csrftoken set_cookie cookie authorization proxy-authorization x_api_key aiohttp_session connect.sid csrf_token csrf _csrf _csrf_token PHPSESSID _session user_session _xsrf XSRF-TOKEN",
		"Rails":   "passw secret token some_key crypt salt certificate otp ssn cvv cvc",
		"Datadog": "pwd password pass_phrase passphrase secret api_key apikey private_key access_key access_key_id secret_key token consumer_key consumer_secret signature auth authentication authorization",
		"Elastic": "password passwd pwd secret some_key my_token_is my_session_is credit_card card_number authorization set-cookie",
	} {
		for name := range strings.FieldsSeq(names) {
			require.True(t, m.isSecret(name), "%s of %s", name, by)
		}
	}
	for name := range strings.FieldsSeq(`
		id name email user username first_name author authors shipping spinner footprint hotpink className classname classNames assignment
		key keys keyboard monkey primary_key foreign_key publicKey status state code error message page limit total count expires_in scope type compass
		bypass passenger passed keys opinion pinned desktop design signed assign consignment category description`) {
		require.False(t, m.isSecret(name), name)
	}
	require.True(t, m.isSecret(strings.Repeat("x", 300)), "nobody has thought of such a name")
	m.of = &Redactor{Fields: []string{"email", "street name"}}
	for _, name := range []string{"email", "E-Mail", "userEmail", "user[email]", "home_email_2", "streetName", "street-name"} {
		if name == "E-Mail" {
			continue
		}
		require.True(t, m.isSecret(name), name)
	}
	require.False(t, m.isSecret("emails"))
	require.False(t, m.isSecret("name"))
}

func TestHeadersByAnAllowList(t *testing.T) {
	r := &Redactor{Headers: []string{"x-team"}}
	for _, tt := range [][3]string{
		{"Content-Type", "application/json", "application/json"},
		{"Retry-After", "120", "120"},
		{"X-RateLimit-Remaining", "3", "3"},
		{"RateLimit", `"default";r=50;t=30`, `"default";r=50;t=30`},
		{"RateLimit-Policy", `"default";q=100;pk=:sesame:`, "REDACTED"},
		{"Traceparent", "00-1-2-01", "00-1-2-01"},
		{"Access-Control-Allow-Origin", "https://a.test", "https://a.test"},
		{"X-Team", "red", "red"},
		{"X-Other", "sesame", "REDACTED"},
		{"X-Forwarded-For", "192.0.2.1", "REDACTED"},
		{"From", "a@b.test", "REDACTED"},
		{"Baggage", "user=sesame", "REDACTED"},
		{"Content-Security-Policy", "script-src 'nonce-sesame'", "REDACTED"},
		{"Idempotency-Key", "sesame", "REDACTED"},
		{"Authorization", "Bearer sesame", "Bearer REDACTED"},
		{"Authorization", "bearer  sesame", "bearer REDACTED"},
		{"Authorization", "sesame", "REDACTED"},
		{"Authorization", "sesame open", "REDACTED"},
		{"Proxy-Authorization", "Basic c2VzYW1l", "Basic REDACTED"},
		{"Cookie", "sid=sesame; theme=sesame", "sid=REDACTED; theme=REDACTED"},
		{"Cookie", "sesame", "REDACTED"},
		{"Set-Cookie", "sid=sesame; Path=/sesame; HttpOnly", "sid=REDACTED"},
		{"Location", "https://u:sesame@a.test/cb;jsessionid=sesame?code=sesame#access_token=sesame", "https://REDACTED@a.test/cb;jsessionid=REDACTED?code=REDACTED"},
		{"Location", "/next?page=2", "/next?page=REDACTED"},
		{"Location", "https://a.test:port/?k=sesame#sesame", "https://a.test:port/"},
		{"Location", "https:sesame", "https:REDACTED"},
		{"Content-Location", "/a?k=sesame", "/a?k=REDACTED"},
		{"Referer", "https://a.test/?k=sesame", "https://a.test/?k=REDACTED"},
		{"Origin", "https://a.test", "https://a.test"},
		{"Origin", "null", "null"},
		{"Link", `<https://a.test/?page=2&token=sesame>; rel="next"; title="sesame", </last?c=sesame>; rel=last`, `<https://a.test/?page=REDACTED&token=REDACTED>; rel="next", </last?c=REDACTED>; rel="last"`},
		{"Link", `</a>; rel="next",</b?sesame>;rel="prev"`, `</a>; rel="next", </b?REDACTED>; rel="prev"`},
		{"Link", `sesame`, `REDACTED`},
		{"Link", `</a>; rel="next", sesame`, `</a>`},
		{"WWW-Authenticate", `Digest realm="api", nonce="sesame", opaque="sesame", qop="auth"`, `Digest realm="api", qop="auth"`},
		{"WWW-Authenticate", `Bearer error="invalid_token", error_description="it has expired"`, `Bearer error="invalid_token", error_description="it has expired"`},
		{"WWW-Authenticate", `Negotiate sesame==`, `Negotiate`},
		{"WWW-Authenticate", `sesame`, `REDACTED`},
		{"Content-Disposition", `attachment; filename="sesame.pdf"`, `attachment`},
		{"Server", "a\x1b[31mb", "a[31mb"},
	} {
		require.Equal(t, tt[2], r.header(nil, http.Header{tt[0]: {tt[1]}})[tt[0]][0], tt)
	}
	require.Equal(t, "REDACTED", (*Redactor)(nil).header(nil, http.Header{"X-Team": {"red"}}).Get("X-Team"))
	info := &middleware.Info{}
	info.Hide("sesame")
	require.Equal(t, "id-REDACTED", r.header(info, http.Header{"X-Request-Id": {"id-sesame"}}).Get("X-Request-Id"), "it is one of the call's")
	require.Equal(t, http.Header{"X-Key": {"REDACTED", "REDACTED"}}, (*Redactor)(nil).header(nil, http.Header{"X-Key": {"a", "b"}}))
}

func TestURLsByAnAllowList(t *testing.T) {
	r := &Redactor{Query: []string{"page", "a b"}, Text: func(s string) string { return strings.ReplaceAll(s, "bot123", "bot") }}
	for in, want := range map[string]string{
		"https://u:sesame@a.test/x?page=2&k=sesame#sesame": "https://REDACTED@a.test/x?page=2&k=REDACTED",
		"https://a.test/?Page=sesame":                      "https://a.test/?Page=REDACTED",
		"https://a.test/?page=1;k=sesame":                  "https://a.test/?page=REDACTED",
		"https://a.test/?page=%zz":                         "https://a.test/?page=REDACTED",
		"https://a.test/?a%20b=2&a+b=3":                    "https://a.test/?a%20b=2&a+b=3",
		"https://a.test/?sesame&page":                      "https://a.test/?REDACTED&REDACTED",
		"https://a.test/a;v=1;sid=sesame/b;sesame":         "https://a.test/a;v=REDACTED;sid=REDACTED/b;sesame",
		"https://a.test/a%2Fb;s=sesame":                    "https://a.test/a%2Fb;s=REDACTED",
		"https://a.test/bot123/send":                       "https://a.test/bot/send",
		"https:sesame":                                     "https:REDACTED",
	} {
		u, err := url.Parse(in)
		require.NoError(t, err)
		require.Equal(t, want, r.url(nil, u), in)
		require.Equal(t, want, r.urlText(nil, in), in)
	}
	require.Empty(t, r.url(nil, nil))
	require.Equal(t, "/users/{id}?k=REDACTED", r.urlText(nil, "/users/{id}?k={k}"))
}

func whole(s string) body   { return body{size: int64(len(s)), begin: []byte(s), whole: true} }
func partial(s string) body { return body{size: int64(len(s)) + 100, begin: []byte(s)} }

// bodyCases are bodies and what is shown of them.
var bodyCases = []struct {
	kind string
	in   body
	want string
}{
	{jsonT, whole(`{"b": 1, "a": {"Password": "sesame", "list": [true, null, -1.5e3, "x"]}}`), `{"b":1,"a":{"Password":"REDACTED","list":[true,null,-1.5e3,"x"]}}`},
	{jsonT, whole(`{"token": {"deep": ["sesame"]}, "x": 1}`), `{"token":"REDACTED","x":1}`},
	{jsonT, whole(`{"pin": 1234, "has_token": true, "secret": null, "otp": ""}`), `{"pin":"REDACTED","has_token":true,"secret":null,"otp":""}`},
	{jsonT, whole(`{"max_tokens": 100, "tokens": 5, "refresh_tokens": ["sesame"]}`), `{"max_tokens":100,"tokens":"REDACTED","refresh_tokens":"REDACTED"}`},
	{jsonT, whole(`{"pass\u0077ord": "sesame"}`), `{"pass\u0077ord":"REDACTED"}`},
	{jsonT, whole(`{"card": {"number": "4242", "brand": "visa"}}`), `{"card":{"number":"REDACTED","brand":"visa"}}`},
	{jsonT, whole(`{"userEmail": "a@b.test", "user": {"email": "a@b.test"}}`), `{"userEmail":"REDACTED","user":{"email":"REDACTED"}}`},
	{jsonT, whole(`[{"name": "password", "value": "sesame"}, {"value": "sesame", "key": "api_key"}, {"name": "size", "value": "9"}]`), `[{"name":"password","value":"REDACTED"},{"value":"REDACTED","key":"api_key"},{"name":"size","value":"9"}]`},
	{jsonT, whole(`{"code": "sesame", "grant_type": "authorization_code"}`), `{"code":"REDACTED","grant_type":"authorization_code"}`},
	{jsonT, whole(`{"code": "invalid"}`), `{"code":"invalid"}`},
	{jsonT, whole(`{"body": "{\"password\": \"sesame\", \"a\": 1}"}`), `{"body":"{\"password\":\"REDACTED\",\"a\":1}"}`},
	{jsonT, whole(`{"body": "{ \"a\": 1 }"}`), `{"body":"{ \"a\": 1 }"}`},
	{jsonT, whole(`{"next": "https:\/\/u:sesame@a.test\/?page=2\u0026sig=sesame"}`), `{"next":"https://REDACTED@a.test/?page=REDACTED&sig=REDACTED"}`},
	{jsonT, whole(`{"query": "mutation { login(password: \"sesame\") { id } }"}`), `{"query":"mutation { login(password: \"REDACTED"}`},
	{jsonT, whole(`{"note": "Bearer c2VzYW1lc2VzYW1l, or eyJhbGciOiJIUzI1NiJ9.e30.c2VzYW1l"}`), `{"note":"Bearer REDACTED, or REDACTED"}`},
	{jsonT, whole(`{"pem": "-----BEGIN PRIVATE KEY-----\nsesame"}`), `{"pem":"REDACTED"}`},
	{jsonT, whole("\xef\xbb\xbf{}"), `{}`},
	{jsonT, whole(`"x"`), `"x"`},
	{jsonT, whole(`12`), `12`},
	{jsonT, partial(`12`), `...`},
	{jsonT, partial(`{"a": 1, "password": "ses`), `{"a":1,"password":"REDACTED"...`},
	{jsonT, partial(`{"a": 1, "b": "ses`), `{"a":1,"b":...`},
	{jsonT, partial(`{"a": [1, {"b": 2}, 3`), `{"a":[1,{"b":2},...`},
	{jsonT, partial(`{"a": 1, "pass`), `{"a":1...`},
	{jsonT, partial(`{"a": 1, "password": {"x": 1, "y`), `{"a":1,"password":"REDACTED"...`},
	{jsonT, whole(`{"a": 1, sesame}`), `{"a":1... (no JSON from byte 9 on)`},
	{jsonT, whole(`{"a": 1} sesame`), `{"a":1}... (no JSON from byte 9 on)`},
	{jsonT, whole(`<html>sesame`), `... (no JSON from byte 0 on)`},
	{jsonT, whole(strings.Repeat("[", 300) + strings.Repeat("]", 300)), strings.Repeat("[", 200) + `... (no JSON from byte 200 on)`},
	{"application/problem+json", whole(`{"title": "x"}`), `{"title":"x"}`},
	{"application/jwk-set+json", whole(`{"keys": [{"d": "sesame"}]}`), `27 bytes of application/jwk-set+json`},
	{"application/x-ndjson", whole("{\"a\": 1}\n{\"token\": \"sesame\"}\n"), `{"a":1} {"token":"REDACTED"}`},
	{"application/json-seq", whole("\x1e{\"a\": 1}\n\x1e{\"token\": \"sesame\"}\n"), `{"a":1} {"token":"REDACTED"}`},
	{"application/x-ndjson", partial("{\"a\": 1}\n{\"token\": \"ses"), `{"a":1} {"token":"REDACTED"...`},
	{form, whole("a=1&user%5Bpassword%5D=sesame&b=x+y"), "a=1&user%5Bpassword%5D=REDACTED&b=x+y"},
	{form, whole("a=1;token=sesame"), "a=1;token=REDACTED"},
	{form, whole("grant_type=authorization_code&code=sesame&sesame"), "grant_type=authorization_code&code=REDACTED&REDACTED"},
	{form, whole("payload=%7B%22token%22%3A%22sesame%22%7D"), "payload=%7B%22token%22%3A%22REDACTED%22%7D"},
	{form, whole("a=%zz"), "a=REDACTED"},
	{form, partial("a=1&b=ses"), "a=1&..."},
	{text, whole("it is fine\nso far"), "it is fine so far"},
	{text, whole("user: mary\npassword: sesame\nmore: sesame"), "user: mary password: REDACTED"},
	{text, whole("API key: sesame"), "API key: REDACTED"},
	{text, whole("see https://a.test/?token=sesame for more"), "see https://a.test/?token=REDACTED for more"},
	{text, whole("id=7&password=sesame"), "id=7&password=REDACTED"},
	{text, whole(`<b>x</b><input name="password" value="sesame">`), `<b>x</b><input name="password REDACTED`},
	{text, whole("<password>sesame</password>"), "<password>REDACTED"},
	{text, whole(`{"password": "sesame"}`), `{"password":"REDACTED"}`},
	{text, whole(`{"password": sesame}`), `{"password": REDACTED`},
	{text, whole("[info] hello"), "[info] hello"},
	{text, whole("a token is missing"), "a token is missing"},
	{text, partial("some words ses"), "some words..."},
	{text, partial(strings.Repeat("s", 100)), "..."},
	{text, whole("a\x1b[31m\x00"), "7 bytes that are no text"},
	{text, whole("a\x1b[31m\u202eb"), "a[31mb"},
	{"text/event-stream", whole("data: {\"token\": \"sesame\"}\n\n"), `data: {"token": "REDACTED`},
	{"text/html", whole("<html><head><TITLE>502 Bad &amp; Gateway</title>sesame"), `54 bytes of text/html, "502 Bad & Gateway"`},
	{"text/html", whole("<html>sesame"), `12 bytes of text/html`},
	{"text/csv", whole("password\nsesame"), `15 bytes of text/csv`},
	{"application/xml", whole(`<?xml version="1.0"?><!-- sesame --><e xmlns="urn:x"><Code a="1">No</Code><s:Password xmlns:s="u">sesame<b>sesame</b></s:Password></e>`), `<e xmlns="urn:x"><Code a="1">No</Code><s:Password xmlns:s="REDACTED">REDACTED<b></b></s:Password></e>`},
	{"text/xml", whole(`<r><add key="password" value="sesame"/><p><Name>token</Name><Value>sesame</Value></p><x token="sesame">y</x></r>`), `<r><add key="password" value="REDACTED"></add><p><Name>token</Name><Value>REDACTED</Value></p><x token="REDACTED">y</x></r>`},
	{"text/xml", partial(`<r><a>b</a><c>ses`), `<r><a>b</a><c>...`},
	{"text/xml", whole(`<r><a>b</r>sesame`), `<r><a>b...`},
	{"image/png", whole("\x89PNG"), "4 bytes of image/png"},
	{"", whole("\x89PNG"), "4 bytes of no known type"},
	{"", whole("hello"), "hello"},
	{"a\x1b/b", whole("\xff"), "1 bytes of no known type"},
	{jsonT, body{size: 12}, "12 bytes of application/json"},
	{jsonT, body{}, ""},
	{"multipart/form-data; boundary=b", whole("--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nsesame\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"sesame.png\"\r\nContent-Type: image/png\r\n\r\n1234\r\n--b--\r\n"), "multipart/form-data: note of 6 bytes, f of 4 bytes of image/png"},
	{"multipart/form-data; boundary=b", partial("--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nses"), "multipart/form-data: note of 3 bytes and more"},
	{"multipart/form-data", whole("sesame"), "multipart/form-data: ..."},
}

const (
	form  = "application/x-www-form-urlencoded"
	jsonT = "application/json; charset=utf-8"
	text  = "text/plain"
)

func TestBodiesByTheNamesOfTheirFields(t *testing.T) {
	r := &Redactor{Fields: []string{"email"}}
	for _, tt := range bodyCases {
		got := r.body(nil, tt.kind, tt.in)
		require.Equal(t, tt.want, got, "%s: %s", tt.kind, tt.in.begin)
		require.NotContains(t, got, "\n")
		require.True(t, utf8.ValidString(got))
	}
}

// planted is a secret in a field of a name, in each kind of body, wherever that is cut.
func planted(t *testing.T, kind, doc string) {
	t.Helper()
	for _, b := range []body{whole(doc), partial(doc)} {
		require.NotContains(t, (*Redactor)(nil).body(nil, kind, b), "5ECRET", "%s: %q", kind, doc)
	}
	at := strings.Index(doc, "5ECRET")
	require.NotContains(t, (*Redactor)(nil).body(nil, kind, partial(doc[:at+4])), "5ECR", "%s: %q", kind, doc)
}

func FuzzASecretInANamedFieldNeverShows(f *testing.F) {
	for _, seed := range []string{"", `{"a": 1, `, `{"a":"`, `[`, `"`, `{"x":{`, "a=1&", "a: b\n", "<r>", "<a b='", "<![CDATA[", "<!--", `\`, "https://x/", "REDACTED", "%", "{\"a\":\"{\\\"", "name=", "\xff", "--b\r\n", "eyJ."} {
		f.Add(seed, "}", uint8(0))
		f.Add(seed, "", uint8(7))
	}
	f.Fuzz(func(t *testing.T, before, after string, pick uint8) {
		if strings.Contains(before+after, "5ECR") {
			t.Skip()
		}
		names := []string{"password", "access_token", "clientSecret", "api-key", "CVV", "session_id", "user.pin", "Authorization"}
		name := names[int(pick)%len(names)]
		planted(t, "application/json", before+`"`+name+`":"5ECRET"`+after)
		planted(t, "application/json", before+`{"`+name+`": ["5ECRET"]}`+after)
		planted(t, "application/x-ndjson", before+"\n{\""+name+"\":\"5ECRET\"}"+after)
		planted(t, "application/x-www-form-urlencoded", before+"&"+name+"=5ECRET"+after)
		planted(t, "text/plain", before+" "+name+"=5ECRET"+after)
		planted(t, "text/plain", before+" "+name+": \"5ECRET\""+after)
		planted(t, "application/xml", before+"<"+name+">5ECRET</"+name+">"+after)
		planted(t, "application/xml", "<r>"+before+"<x "+name+`="5ECRET"/>`+after)
		planted(t, "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\""+name+"\"\r\n\r\n5ECRET"+after)
		planted(t, "text/html", before+"<input name='"+name+"' value='5ECRET'>"+after)
		for _, field := range []string{"Authorization", "Cookie", "Set-Cookie", "X-" + name} {
			require.NotContains(t, (*Redactor)(nil).header(nil, http.Header{field: {before + "; " + name + "=5ECRET" + after}})[field][0], "5ECRET")
		}
		for _, field := range []string{"Location", "Link", "Referer"} {
			if strings.ContainsAny(before, "#?") {
				break // the rest is of the fragment or the query anyway
			}
			require.NotContains(t, (*Redactor)(nil).header(nil, http.Header{field: {"<https://a.test/?" + name + "=5ECRET" + after + ">"}})[field][0], "5ECRET")
			require.NotContains(t, (*Redactor)(nil).urlText(nil, "https://a.test/"+before+"?"+name+"=5ECRET"+after), "5ECRET")
		}
	})
}

func TestALargeBodyOfAnyKindIsDoneInLittleTime(t *testing.T) {
	const size = 1 << 18
	for _, part := range []string{`"`, `[`, `{"a":`, `{"password":`, `a"`, `a=`, `a:`, `://`, `<a>`, `<![CDATA[x]]>`, `\`, `[{"name":"a","value":"b"},`, `https://a?b `, `Bearer `, `%22`, `a[`, "&amp;"} {
		doc := strings.Repeat(part, size/len(part))
		for _, kind := range []string{"application/json", "text/plain", "text/xml", "application/x-www-form-urlencoded", "text/html", "application/x-ndjson"} {
			begun := time.Now()
			(*Redactor)(nil).body(nil, kind, whole(doc))
			require.Less(t, time.Since(begun), 20*time.Second, "%s of %s", kind, part)
		}
	}
}
