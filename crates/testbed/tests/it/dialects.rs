//! Links of other vendors, as their own libraries sign them with the testbed's keys: how an expired one is refused, and that each
//! obeys the expiry policy.

use time::OffsetDateTime;
use ttlsweep_record::words::ExpiryPolicy;
use ttlsweep_testbed::{Dialect, Disposition, TestbedConfig};

use crate::client::{Link, Response, Rig};

/// A link that expired long ago, and what it is told.
struct Expired {
    dialect: &'static str,
    target: &'static str,
    status: u16,
    code: &'static str,
    says: &'static str,
    header: (&'static str, &'static str),
}

/// Signed by google-cloud-storage 3.17, azure-storage-blob 12.31, botocore 1.44, oss2 2.19 and alibabacloud-oss-v2 1.4.
#[rustfmt::skip]
const EXPIRED: &[Expired] = &[
    Expired {
        dialect: "gcs",
        target: "/ttlsweep/key?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=ttlsweep-testbed%2F20200101%2F\
                auto%2Fstorage%2Fgoog4_request&X-Goog-Date=20200101T090000Z&X-Goog-Expires=3600&X-Goog-SignedHea\
                ders=host&X-Goog-Signature=3b707fa0cfc68af7526e4b80e715c49774800c57a1985687dd019bae132d38572d489\
                92d6080b5787e99258c51cbc07cceb0421491a876fb2d35b9f2ff8076ac8bd4e02225551e44a30abb39a8cf467e6d605\
                8c8000b9dfb6907a132990a0de11964910e97212550435c5db2bd6346f3021f9ecfab122dd2d2ea5e27c527649fe32d9\
                1ce1e92cdd2f114fb74b689eacdac9f215b5017c1472d7d9273f14408467818fe0cc387d9b9a22ef72da3907fa36b59d\
                f1814ee8b044506065ba422708abb086935c41a71d8361461d0cef02ae3c227637e259594dc543f4b19ca4613d263d64\
                55abe8b1324a66229e861cfcfa38a77d3b8642497eed762d95f4f416182",
        status: 400,
        code: "ExpiredToken",
        says: "The provided token has expired.</Message><Details>Request signature expired at: 2020-01-01T10:00:0\
              0+00:00</Details></Error>",
        header: ("x-guploader-uploadid", ""),
    },
    Expired {
        dialect: "gcs",
        target: "/ttlsweep/key?Expires=1577872800&GoogleAccessId=ttlsweep-testbed&Signature=SEDeNWrLKu35erwaNqkky\
                QYHPhcv34gwn1tvg%2FfAkNpAxvQEs89NS6tld9VJazN5aVtFksJYlCMEZ%2BR1v8fqrzasXNjudBQa9CrAGiP%2FpSdMdQw\
                Imgqh4ogE3YptQjC7ZQBmCf%2F0QhrBD%2BJYow%2F2LSlY7bdmhDDvRuWoqXhzsIh6CdT6EEPFAyZkrqJQMIgNX3Aic9osZ\
                BNV9mbEQttv1J5Q0BVeIKhXE3smwl338aXkV1xxRDaSgllD4Jm1G8BfV3a8sCs9rj567NvTmhL1vi3jRwhQnyd4tKMUfAKGd\
                nWVnEqagZrmbsHHbYtiRZsR1mwiQi3dx8ftVzKDwHgHjA%3D%3D",
        status: 400,
        code: "ExpiredToken",
        says: "<Details>Request has expired: 1577872800</Details></Error>",
        header: ("content-type", "application/xml; charset=UTF-8"),
    },
    Expired {
        dialect: "azure",
        target: "/ttlsweep/key?se=2020-01-01T10%3A00%3A00Z&sp=rcw&sv=2026-10-06&sr=b&sig=V9QJbXKQWRexuFm5tmFVYJ2/\
                e296AEWCbeD9gxCK3TU%3D",
        status: 403,
        code: "AuthenticationFailed",
        says: "<AuthenticationErrorDetail>Signed expiry time [Wed, 01 Jan 2020 10:00:00 GMT] must be after signed",
        header: ("x-ms-error-code", "AuthenticationFailed"),
    },
    Expired {
        dialect: "cloudfront",
        target: "/ttlsweep/key?Expires=1577872800&Signature=FKdigDEmZ2pSAax3kf1qaR-45E7leertG5y2lzufHYXjji8o3DaST\
                u7R8Dpk~is4ZpB~oQJWwoOnVF54GqwWlQTddIYv28J-lArqUmatIxX1zXeWSi79GtC0EzndVUQBe5ueBFY8AS8ZceTBAkBlj\
                sHwmQ20goQrB0LCXZfFmdMgRqjERpyVo4NKUxZidpoU8dbkOwmljFhIkZZLlbkMUff7pBpinLvpiuLo9Fn3F2aND7WOZCeXp\
                T0OsnQX~1iLR8CIxe6J58aZrwbfGqJkS7ttEC9czAriRrbDtQXedZgro6--e92PcP2~B48FetvNs4r9008PbPNNP9lSd8lL3\
                w__&Key-Pair-Id=ttlsweep-testbed",
        status: 403,
        code: "AccessDenied",
        says: "<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>",
        header: ("x-cache", "Error from cloudfront"),
    },
    Expired {
        dialect: "cloudfront",
        target: "/ttlsweep/key?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cCo6Ly8xMjcuMC4wLjE6OTAwMC90dGxzd2V\
                lcC8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjoxNTc3ODcyODAwfSwiSXBBZGRyZXN\
                zIjp7IkFXUzpTb3VyY2VJcCI6IjAuMC4wLjAvMCJ9LCJEYXRlR3JlYXRlclRoYW4iOnsiQVdTOkVwb2NoVGltZSI6MTU3Nzg\
                2OTIwMH19fV19&Signature=U55u~tpuJBA93DQgxU7nXY2fLUCDOgeQNUZG0eODkHNSITw1cf0XSaXIDovwfh5DvevWphgb\
                0Dp7FxA6st7tuULgb1k98khBjqWuPQejnXbt3u6Ea-jvbbvnnhcOoIeUJFtEo1FzYfbCdy1wsfthz1FYKYhjnyYiaBge31Ly\
                v3sg~YMTnqLMVjj1TylVovhYcT5XZuT7MKnpIuYuWNDBxiT8zIWSPom-OKKJtJc4BzbMGukU6XzBj2kPpGhVOw-hW2YhmtSi\
                LbdwxzobLVgZ6WoVd3axw0PhpSufp2feGlZE46Y7rHZlbZU1bbJzcfAZDNZjps64PfGwDnOH0gqIRw__&Key-Pair-Id=ttl\
                sweep-testbed",
        status: 403,
        code: "AccessDenied",
        says: "<Message>Access denied</Message></Error>",
        header: ("content-type", "text/xml"),
    },
    Expired {
        dialect: "oss",
        target: "/ttlsweep/key?OSSAccessKeyId=ttlsweep-testbed&Expires=1577872800&Signature=mClTqumnaIC7pa%2BK%2F\
                a6u4Ld2tXU%3D",
        status: 403,
        code: "AccessDenied",
        says: "<Message>Request has expired.</Message><Expires>2020-01-01T10:00:00.000Z</Expires><ServerTime>",
        header: ("x-oss-request-id", ""),
    },
    Expired {
        dialect: "oss",
        target: "/ttlsweep/key?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20200101T090000Z&x-oss-expires=3600\
                &x-oss-credential=ttlsweep-testbed%2F20200101%2Fus-east-1%2Foss%2Faliyun_v4_request&x-oss-signature=d81e\
                64f4a387e005f6939456bae0a808d5e877414fd5ef26fe530d2449dd9953",
        status: 403,
        code: "AccessDenied",
        says: "<Message>Request has expired.</Message><Expires>2020-01-01T10:00:00.000Z</Expires><ServerTime>",
        header: ("x-oss-request-id", ""),
    },
];

/// The host that the links were signed for, whichever port the testbed has.
const HOST: &str = "127.0.0.1:9000";

async fn put(rig: &Rig, target: &str) -> Response {
    let link = Link {
        method: "PUT".to_owned(),
        target: target.to_owned(),
        host: HOST.to_owned(),
        expires_at: OffsetDateTime::UNIX_EPOCH,
    };
    let mut wire = rig.connect().await;
    wire.send(&link.head(5, "x-ms-blob-type: BlockBlob\r\n")).await;
    wire.send(b"hello").await;
    wire.response().await
}

async fn rig(dialect: &str, expiry: ExpiryPolicy) -> Rig {
    let dialect: Dialect = dialect.parse().unwrap();
    Rig::start(TestbedConfig { tls: false, dialect, expiry, ..TestbedConfig::default() }).await
}

#[tokio::test]
async fn an_expired_link_is_refused_in_its_vendors_words() {
    for link in EXPIRED {
        let rig = rig(link.dialect, ExpiryPolicy::OnRequest).await;
        let refused = put(&rig, link.target).await;
        assert_eq!((refused.status, refused.element("Code")), (link.status, Some(link.code)), "{}", refused.text());
        assert!(refused.text().contains(link.says), "`{}` is not in {}", link.says, refused.text());
        let (name, value) = link.header;
        assert!(refused.header(name).is_some_and(|found| found.contains(value)), "{name}: {}", refused.head);
        assert!(refused.header("server").unwrap().starts_with("testbed/"), "{}", refused.head);
        let request = rig.request(0).await;
        assert_eq!(request.disposition, Disposition::RefusedAtHead);
        assert_eq!(request.expires_at.unwrap().unix_timestamp(), 1_577_872_800);
    }
}

#[tokio::test]
async fn where_nothing_expires_it_puts_an_object_and_an_azure_one_is_created() {
    for link in EXPIRED {
        let rig = rig(link.dialect, ExpiryPolicy::Never).await;
        let status = if link.dialect == "azure" { 201 } else { 200 };
        let stored = put(&rig, link.target).await;
        assert_eq!(stored.status, status, "{}: {}", link.dialect, stored.text());
        assert!(stored.header("etag").is_some(), "{}", stored.head);
        // Objects are the bucket's, no matter who signed for them, and requests signed in headers stay S3's.
        let got = crate::client::Signed::new("GET", "/ttlsweep/key").ask(&rig, b"").await;
        assert_eq!((got.status, got.text()), (200, "hello"), "{}", link.dialect);
    }
}

#[tokio::test]
async fn links_of_others_are_refused_by_each_dialect() {
    for dialect in Dialect::WORDS {
        let rig = rig(dialect, ExpiryPolicy::Never).await;
        for link in EXPIRED.iter().filter(|link| link.dialect != *dialect) {
            let refused = put(&rig, link.target).await;
            assert!([400, 403].contains(&refused.status), "{dialect} takes {}: {}", link.target, refused.text());
        }
        let v4 = rig.ask("PUT", "key", b"hello").await;
        let is_taken = *dialect == "s3";
        assert_eq!(v4.status == 200, is_taken, "{dialect}: {}", v4.text());
    }
}
