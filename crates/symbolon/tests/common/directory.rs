//! A directory: Debian's `slapd` on a directory of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;

use super::{Home, free_port, run, tool, until};

/// Who may search, and the password for it.
pub(crate) const READER: (&str, &str) = ("cn=reader,dc=example,dc=org", "reader-of-example-org");

/// Below which entry people are.
pub(crate) const BASE: &str = "ou=people,dc=example,dc=org";

/// Says who is there: `uid` and `cn` are the login, and two people have the same `sn`.
const PEOPLE: &[(&str, &str)] = &[
    ("alice", "in-the-directory-1"),
    ("bob", "in-the-directory-2"),
    ("carol, jr.", "in-the-directory-3"),
    ("*", "in-the-directory-4"),
    ("dora", "in-the-directory-5"),
    (EXPIRED, "in-the-directory-6"),
    (RESET, "in-the-directory-7"),
    (HELD, "in-the-directory-8"),
    (LOCKED, "in-the-directory-9"),
];

/// Somebody whose password has expired.
pub(crate) const EXPIRED: &str = "erin";
/// Somebody whose password was set by somebody else, and has to be changed.
pub(crate) const RESET: &str = "frank";

/// Whose account is locked by the password policy.
pub(crate) const LOCKED: &str = "grace";

/// Where password policies are: a password is good for a year, and has ten characters.
const POLICIES: &str = "ou=policies,dc=example,dc=org";

/// Of whom the directory says what [`Directory::holds`] has it say.
pub(crate) const HELD: &str = "held";

/// Another `uid` of dora's.
pub(crate) const ALIAS_OF_DORA: &str = "dora.smith";

/// A group in which alice and dora are, by each way in which a directory can say so.
pub(crate) const VPN: &str = "cn=vpn,ou=groups,dc=example,dc=org";
/// A group in which that group is, which is in that group: a circle.
pub(crate) const AROUND_VPN: &str = "cn=around-vpn,ou=groups,dc=example,dc=org";
/// The group around that.
pub(crate) const OUTERMOST: &str = "cn=outermost,ou=groups,dc=example,dc=org";
/// A group in which `carol, jr.` and `*` are, with a name that means something else in a filter.
pub(crate) const ODD: &str = "cn=odd (one)*\\,\\5c2a,ou=groups,dc=example,dc=org";
/// A group around that, which says of itself that it is closed.
pub(crate) const AROUND_ODD: &str = "cn=around-odd,ou=groups,dc=example,dc=org";
/// The same as a group of logins (RFC 2307).
pub(crate) const POSIX_VPN: &str = "cn=posix-vpn,ou=groups,dc=example,dc=org";

/// The password of a person of [`PEOPLE`].
#[track_caller]
pub(crate) fn password_of(login: &str) -> &'static str {
    let mut people = PEOPLE.iter();
    people.find(|(name, _)| *name == login).unwrap().1
}

/// A running directory. It lets everybody bind without a password, as many do: that is nobody's login.
pub(crate) struct Directory {
    files: PathBuf,
    process: Option<Child>,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
}

impl Directory {
    pub(crate) fn start(home: &Home) -> Self {
        let files = home.path("slapd");
        fs::create_dir_all(files.join("db")).unwrap();
        let mut this = Self {
            files,
            process: None,
            port: free_port(),
            tls_port: free_port(),
        };
        this.certify();
        this.configure();
        this.fill();
        this.resume();
        this
    }

    /// The authority that signed its certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.files.join("ca.pem")
    }

    /// Has it refuse [`HELD`] from now on, with the number of a Windows error as Active Directory does.
    pub(crate) fn holds(&self, data: &str) {
        let path = self.files.join("words");
        // Whoever listened before hears no more of it.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(path).unwrap();
        let answer = format!(
            "RESULT\ncode: 49\ninfo: 80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, \
             data {data}, v4563\n"
        );
        thread::spawn(move || {
            for asked in listener.incoming() {
                let mut asked = BufReader::new(asked.unwrap());
                let mut line = String::new();
                while asked.read_line(&mut line).unwrap() > 1 {
                    line.clear();
                }
                asked.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
    }

    /// Goes on after [`Self::stop`].
    pub(crate) fn resume(&mut self) {
        let (port, tls_port) = (self.port, self.tls_port);
        let urls = format!("ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/");
        let child = tool("slapd", "slapd")
            .args(["-h", &urls, "-d", "0", "-f"])
            .arg(self.files.join("slapd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, tls_port));
        until("the directory answers", || {
            TcpStream::connect(address).is_ok()
        });
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.process.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Its certificate names `ldap.example.org` alone, and it is asked for by its address.
    fn certify(&self) {
        let openssl = |arguments: &str, input: &str| {
            let mut command = tool("openssl", "openssl");
            command.current_dir(&self.files);
            run(command.args(arguments.split(' ')), input).ok();
        };
        fs::write(
            self.files.join("names"),
            "subjectAltName=DNS:ldap.example.org,DNS:localhost\n",
        )
        .unwrap();
        openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=corp-ca",
            "",
        );
        openssl(
            "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=slapd",
            "",
        );
        openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile names -out server.pem",
            "",
        );
    }

    fn configure(&self) {
        let at = |name: &str| self.files.join(name).display().to_string();
        let (db, pid, words) = (at("db"), at("slapd.pid"), at("words"));
        let (ca, cert, key) = (at("ca.pem"), at("server.pem"), at("server.key"));
        let (reader, _) = READER;
        let conf = format!(
            "include /etc/ldap/schema/core.schema\n\
             include /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\n\
             include /etc/ldap/schema/nis.schema\n\
             pidfile {pid}\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             moduleload memberof\n\
             moduleload ppolicy\n\
             moduleload back_sock\n\
             allow bind_anon_cred bind_anon_dn\n\
             TLSCACertificateFile {ca}\n\
             TLSCertificateFile {cert}\n\
             TLSCertificateKeyFile {key}\n\
             database mdb\n\
             suffix \"dc=example,dc=org\"\n\
             directory {db}\n\
             overlay memberof\n\
             overlay ppolicy\n\
             ppolicy_default \"cn=default,{POLICIES}\"\n\
             ppolicy_hash_cleartext\n\
             ppolicy_use_lockout\n\
             overlay sock\n\
             socketpath {words}\n\
             sockops bind\n\
             sockdnpat ^cn={HELD},\n\
             access to attrs=userPassword by dn.exact=\"{reader}\" write by self write \
             by anonymous auth by * none\n\
             access to * by * read\n"
        );
        fs::write(self.files.join("slapd.conf"), conf).unwrap();
    }

    fn fill(&self) {
        let (reader, secret) = READER;
        let mut ldif = format!(
            "dn: dc=example,dc=org\nobjectClass: domain\ndc: example\n\n\
             dn: {BASE}\nobjectClass: organizationalUnit\nou: people\n\n\
             dn: {reader}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
             cn: reader\nuserPassword: {secret}\n\n"
        );
        for (login, password) in PEOPLE {
            let escaped = login.replace(',', "\\,");
            ldif += &format!(
                "dn: cn={escaped},{BASE}\nobjectClass: inetOrgPerson\ncn: {login}\nuid: {login}\n\
                 sn: everybody\nuserPassword: {password}\n"
            );
            if ["alice", "dora"].contains(login) {
                ldif += &format!("memberOf: {VPN}\n");
            }
            if *login == EXPIRED {
                ldif += "pwdChangedTime: 20200101000000Z\n";
            }
            if *login == RESET {
                ldif += "pwdReset: TRUE\n";
            }
            if *login == LOCKED {
                ldif += "pwdAccountLockedTime: 000001010000Z\n";
            }
            if *login == "dora" {
                ldif += &format!("uid: {ALIAS_OF_DORA}\n");
            }
            ldif += "\n";
        }
        ldif += &format!(
            "dn: {POLICIES}\nobjectClass: organizationalUnit\nou: policies\n\n\
             dn: cn=default,{POLICIES}\nobjectClass: device\nobjectClass: pwdPolicy\n\
             cn: default\npwdAttribute: userPassword\npwdMaxAge: 31536000\npwdMustChange: TRUE\n\
             pwdLockout: TRUE\npwdCheckQuality: 2\npwdMinLength: 10\npwdAllowUserChange: TRUE\n\n"
        );
        ldif += &format!(
            "dn: ou=groups,dc=example,dc=org\nobjectClass: organizationalUnit\nou: groups\n\n\
             dn: {VPN}\nobjectClass: groupOfNames\ncn: vpn\n\
             member: cn=alice,{BASE}\nmember: cn=dora,{BASE}\nmemberOf: {AROUND_VPN}\n\n\
             dn: {AROUND_VPN}\nobjectClass: groupOfNames\ncn: around-vpn\nmember: {VPN}\n\
             memberOf: {VPN}\nmemberOf: {OUTERMOST}\n\n\
             dn: {OUTERMOST}\nobjectClass: groupOfNames\ncn: outermost\nmember: {AROUND_VPN}\n\n\
             dn: {ODD}\nobjectClass: groupOfNames\ncn: odd (one)*,\\2a\n\
             member: cn=carol\\, jr.,{BASE}\nmember: cn=*,{BASE}\n\n\
             dn: {AROUND_ODD}\nobjectClass: groupOfNames\ncn: around-odd\ndescription: closed\n\
             member: {ODD}\n\n\
             dn: {POSIX_VPN}\nobjectClass: posixGroup\ncn: posix-vpn\ngidNumber: 700\n\
             memberUid: alice\nmemberUid: dora\n\n"
        );
        let config = self.files.join("slapd.conf");
        let mut slapadd = tool("slapadd", "slapd");
        run(slapadd.arg("-f").arg(config), &ldif).ok();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.stop();
    }
}
