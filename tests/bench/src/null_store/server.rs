//! The store's HTTP side: as much of S3 as the clients of the benchmarks ask for.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, ETAG as ETAG_HEADER, IF_NONE_MATCH};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use md5::{Digest as _, Md5};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use super::Behaviour;
use super::aws_chunked::{decode, is_aws_chunked};
use super::day::Day;
use super::listing::list;
use super::objects::Objects;
use super::target::Target;
use crate::payloads::Chance;

/// Of every upload in parts, and in listings: nobody compares it.
pub(super) const ETAG: &str = "00000000000000000000000000000000";

pub(super) struct Store {
    behaviour: Mutex<Behaviour>,
    objects: Mutex<Objects>,
    day: Option<Day>,
    puts: AtomicUsize,
}

impl Store {
    pub(super) fn new(day: Option<Day>) -> Self {
        let (behaviour, objects) = (Mutex::default(), Mutex::default());
        Self { behaviour, objects, day, puts: AtomicUsize::default() }
    }

    /// Forgets all objects, and behaves so from now on.
    pub(super) fn begin(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
        *self.objects() = Objects::default();
    }

    pub(super) fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn behaviour(&self) -> Behaviour {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, method: &Method, target: &Target, only_if_absent: bool, body: Bytes) -> Answer {
        if target.key.is_empty() {
            return self.answer_of_bucket(method, target);
        }
        let upload = target.parameter("uploadId");
        match (method, upload) {
            (&Method::PUT, None) => self.put(target, only_if_absent, body),
            (&Method::PUT, Some(upload)) => {
                let number = target.parameter("partNumber").and_then(|number| number.parse().ok());
                found(number.is_some_and(|number| self.objects().put_part(upload, number, body)))
            }
            (&Method::POST, Some(upload)) => {
                let key = target.key.clone();
                if !self.objects().complete_upload(upload, key) {
                    return error(StatusCode::NOT_FOUND, "NoSuchUpload");
                }
                xml(format!(
                    "<CompleteMultipartUploadResult><ETag>&quot;{ETAG}&quot;</ETag></CompleteMultipartUploadResult>"
                ))
            }
            (&Method::POST, None) if target.parameter("uploads").is_some() => {
                let id = self.objects().begin_upload();
                xml(format!(
                    "<InitiateMultipartUploadResult><Bucket>bench</Bucket><Key>{}</Key><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>",
                    target.key,
                ))
            }
            (&Method::DELETE, Some(upload)) => {
                self.objects().abort_upload(upload);
                empty(StatusCode::NO_CONTENT)
            }
            (&Method::DELETE, None) => {
                self.objects().by_key.remove(&target.key);
                empty(StatusCode::NO_CONTENT)
            }
            (&Method::GET | &Method::HEAD, _) => self.get(target),
            _ => error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        }
    }

    fn answer_of_bucket(&self, method: &Method, target: &Target) -> Answer {
        match *method {
            Method::HEAD | Method::PUT => empty(StatusCode::OK),
            Method::GET if target.parameter("location").is_some() => xml("<LocationConstraint/>".to_owned()),
            Method::GET => {
                let mut objects = self.objects();
                objects.counts.pages += 1;
                xml(list(target, &objects, self.day.as_ref()))
            }
            _ => error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        }
    }

    fn put(&self, target: &Target, only_if_absent: bool, body: Bytes) -> Answer {
        let behaviour = self.behaviour();
        if self.refuses(behaviour.refused) {
            self.objects().counts.refused += 1;
            return error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
        }
        let mut objects = self.objects();
        if only_if_absent && objects.by_key.contains_key(&target.key) {
            return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let answer = with_md5(empty(StatusCode::OK), &body);
        objects.put(target.key.clone(), body, behaviour.keeps_bodies);
        answer
    }

    /// Without a pattern, and the same in every run.
    fn refuses(&self, share: f64) -> bool {
        let put = self.puts.fetch_add(1, Ordering::Relaxed);
        share > 0.0 && (Chance::of(put).draw() as f64 / u64::MAX as f64) < share
    }

    fn get(&self, target: &Target) -> Answer {
        let stored = self.objects().by_key.get(&target.key).and_then(|object| object.body.clone());
        let Some(body) = stored.or_else(|| self.day.as_ref()?.object(&target.key)) else {
            return error(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        let counts = &mut self.objects().counts;
        counts.gets += 1;
        counts.bytes_read += body.len() as u64;
        with_md5(Response::new(Full::new(body.clone())), &body)
    }
}

pub(super) async fn serve(listener: TcpListener, store: Arc<Store>) {
    loop {
        // A connection that ended before it was taken is no reason to end.
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve_connection(stream, Arc::clone(&store)));
    }
}

async fn serve_connection(stream: TcpStream, store: Arc<Store>) {
    // Without it answers are late, but they come.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let store = Arc::clone(&store);
        async move { Ok::<_, Infallible>(respond(&store, request).await) }
    });
    // A client that is killed breaks its connections.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn respond(store: &Store, request: Request<Incoming>) -> Answer {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    // A body that was cut is not stored.
    let Ok(body) = body.collect().await else { return error(StatusCode::BAD_REQUEST, "IncompleteBody") };
    let mut body = body.to_bytes();
    if is_aws_chunked(&head.headers) {
        let Some(decoded) = decode(&body) else { return error(StatusCode::BAD_REQUEST, "IncompleteBody") };
        body = decoded;
    }
    let target = Target::parse(head.uri.path(), head.uri.query().unwrap_or_default());
    let answer = store.answer(&head.method, &target, head.headers.contains_key(IF_NONE_MATCH), body);
    let latency = store.behaviour().latency;
    if !latency.is_zero() && !target.key.is_empty() {
        sleep_until(began + latency).await;
    }
    answer
}

type Answer = Response<Full<Bytes>>;

fn found(it_is: bool) -> Answer {
    if it_is { with_etag(empty(StatusCode::OK)) } else { error(StatusCode::NOT_FOUND, "NoSuchUpload") }
}

fn with_etag(mut answer: Answer) -> Answer {
    const QUOTED: &str = "\"00000000000000000000000000000000\"";
    answer.headers_mut().insert(ETAG_HEADER, hyper::header::HeaderValue::from_static(QUOTED));
    answer
}

/// What is put, and what is given, is held against it.
fn with_md5(mut answer: Answer, body: &[u8]) -> Answer {
    let entity_tag = format!("\"{:032x}\"", u128::from_be_bytes(Md5::digest(body).into()));
    if let Ok(entity_tag) = entity_tag.parse() {
        answer.headers_mut().insert(ETAG_HEADER, entity_tag);
    }
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn xml(text: String) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/xml"));
    answer
}

fn error(status: StatusCode, code: &str) -> Answer {
    let mut answer = xml(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"#
    ));
    *answer.status_mut() = status;
    answer
}
