package observe

import (
	"slices"
	"strings"
	"unicode"
)

// maxName is how long a name can be that somebody has thought of.
const maxName = 256

// isSecret tells whether the name of a field tells of a secret, or is one of Fields. The
// names are those that Sentry, Rails, Datadog and Elastic hide by default, those of OAuth
// and its kin, and what numbers of cards and people are called.
func (m mask) isSecret(name string) bool {
	if len(name) > maxName {
		return true
	}
	words := wordsOf(name)
	if slices.ContainsFunc(words, isSecretWord) || hasSecretStem(strings.Join(words, "")) || isKey(words) {
		return true
	}
	if m.of == nil || len(m.of.Fields) == 0 {
		return false
	}
	spelled := "_" + strings.Join(words, "_") + "_"
	return slices.ContainsFunc(m.of.Fields, func(field string) bool {
		return strings.Contains(spelled, "_"+strings.Join(wordsOf(field), "_")+"_") || strings.EqualFold(field, name)
	})
}

// wordsOf are the words of a name, in lower case and without digits: access_token2,
// accessToken, Access-Token and user[access.token] alike.
func wordsOf(name string) []string {
	var (
		words []string
		word  []rune
		runes = []rune(name)
	)
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	for i, r := range runes {
		if !unicode.IsLetter(r) {
			if !unicode.IsMark(r) { // an accent belongs to its letter
				end()
			}
			continue
		}
		if unicode.IsUpper(r) && i > 0 {
			afterLower := unicode.IsLower(runes[i-1])
			lastOfAcronym := unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterLower || lastOfAcronym {
				end()
			}
		}
		word = append(word, r)
	}
	end()
	return words
}

// isSecretWord tells of words that are parts of other words: pin is not in shipping.
func isSecretWord(word string) bool {
	switch word {
	case "pass", "pw", "pwd", "psw", "pswd", "pin", "otp", "totp", "hotp", "tan", // what a person knows
		"auth", "oauth", "jwt", "jws", "jwe", "saml", "sid", "sess", "csrf", "xsrf", "nonce", "verifier",
		"sig", "hmac", "sas", "salt", "crypt", "dsn", "mnemonic", "creds", "cred",
		"cvv", "cvc", "csc", "cvn", "pan", "iban", // cards and accounts
		"ssn", "nino", "bsn", "cpf", "cnpj", "pesel", "cnp", "curp", "tin", "itin", "passport", "aadhaar", "aadhar": // people
		return true
	}
	return false
}

// hasSecretStem tells of what is in no other word, or in few, so that names count whose
// words run together: dbpassword, phpsessid.
func hasSecretStem(name string) bool {
	return slices.ContainsFunc([]string{
		"passw", "passphrase", "passcode", "passkey", "userpass", "dbpass", "kennwort", "contrase", "senha", "motdepasse", "pwd",
		"secret", "token", "credential", "authoriz", "authoris", "authentic", "bearer", "assertion", "samlre",
		"cookie", "session", "sessid", "csrf", "xsrf", "signature", "certificate", "securitycode", "verificationcode", "verificationvalue",
		"devicecode", "usercode", "authcode", "accesscode", "recoverycode", "recoveryphrase", "seedphrase", "backupcode", "onetimecode",
		"apikey", "appkey", "accesskey", "privatekey", "secretkey", "signingkey", "encryptionkey", "masterkey", "accountkey", "sharedkey",
		"authkey", "sshkey", "licensekey", "licencekey", "subscriptionkey", "consumerkey", "storagekey", "servicekey", "keymaterial", "privkey",
		"connectionstring", "connstr", "webhookurl", "presignedurl", "signedurl",
		"creditcard", "debitcard", "cardnum", "cardno", "ccnum", "cardholder", "cardcode", "accountnum", "routingnum", "sortcode", "bankaccount",
		"socialsecurity", "socialinsurance", "nationalid", "nationalinsurance", "insurancenum", "idnumber", "driverlicen", "driverslicen", "drivinglicen",
		"taxid", "taxnum", "taxpayer", "personalnum", "personnummer", "personnumber", "fodselsnummer", "nhsnum", "medicare",
	}, func(stem string) bool { return strings.Contains(name, stem) })
}

// isKey tells the key of something, as in stripe_key, from one of a table.
func isKey(words []string) bool {
	last := len(words) - 1
	return last > 0 && (words[last] == "key" || words[last] == "keys") && !slices.Contains([]string{
		"public", "primary", "foreign", "partition", "sort", "cache", "issue", "project", "parent", "routing", "object", "translation", "lookup", "shard",
	}, words[last-1])
}

// countsTokens tells of a name like max_tokens, of which a number is no secret.
func countsTokens(name string) bool {
	words := wordsOf(name)
	return len(words) > 1 && words[len(words)-1] == "tokens"
}

// variable is a name as a shell has it, in capitals.
func variable(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case ('A' <= r && r <= 'Z') || ('0' <= r && r <= '9'):
			return r
		}
		return '_'
	}, name[:min(len(name), maxName)])
	return strings.Trim(name, "_")
}
