#!/usr/bin/env bash
# Makes certificates for tests in a folder: certificates.sh DIR
set -euo pipefail
cd "$1"

cat > ca.cnf <<'END'
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
email_in_dn = yes
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
emailAddress = optional
commonName = supplied
END
touch index.txt
echo 1000 > serial

authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -keyout "$1.key" -out "$1.pem" -subj "/CN=$1" -days 30 2>/dev/null
}

# certificate NAME SUBJECT AUTHORITY NAMES [BEGIN END]
certificate() {
    openssl req -utf8 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
    echo "subjectAltName=$4" > "$1.ext"
    openssl ca -batch -notext -config ca.cnf -cert "$3.pem" -keyfile "$3.key" -extfile "$1.ext" \
        -preserveDN -in "$1.csr" -out "$1.crt" \
        -startdate "${5:-$(date --utc --date '1 day ago' +%Y%m%d%H%M%SZ)}" \
        -enddate "${6:-$(date --utc --date '30 days' +%Y%m%d%H%M%SZ)}" 2>/dev/null
    cat "$1.key" "$1.crt" "$3.pem" > "$1.pem"
}

authority ca
authority stranger
names=DNS:localhost,IP:127.0.0.1
certificate server /O=Millrace/CN=localhost ca "$names"
certificate elsewhere /CN=elsewhere.example.org ca DNS:elsewhere.example.org
certificate expired /CN=localhost ca "$names" 20200101000000Z 20200201000000Z
certificate early /CN=localhost ca "$names" 20900101000000Z 20910101000000Z
certificate foreign /CN=localhost stranger "$names"
certificate client '/C=DE/O=Some, Org/OU=X\+Y #1/emailAddress=a@b.c/CN= Zoë one' ca DNS:client
certificate pair '/CN=x+UID=u1/O=Z' ca DNS:client
certificate sorted '/CN=z+CN=a+O=b/C=US' ca DNS:client
certificate plainclient /CN=client ca DNS:client
certificate oldclient /CN=client ca DNS:client 20200101000000Z 20200201000000Z
certificate foreignclient /CN=client stranger DNS:client
certificate middle /CN=middle ca $'DNS:middle\nbasicConstraints=critical,CA:true'
certificate below /CN=localhost middle "$names"
cp middle.crt anchor.pem
cat server.key expired.crt > mismatched.pem
cp server.crt keyless.pem
cp server.key certificateless.pem
openssl pkcs8 -topk8 -in server.key -passout pass:secret -out locked.key 2>/dev/null
cat locked.key server.crt > locked.pem
