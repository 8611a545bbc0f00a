//! The columns that outside users and checks rely on, spelled out once more by hand: a renamed or moved field fails here.

use ttlsweep_record::row::Row;
use ttlsweep_record::{DecisionRecord, EventRecord, ObjectRecord, TransferRecord, TrialRecord};

#[test]
fn transfers_have_the_published_columns_in_the_published_order() {
    let published = "schema_version run_id trial_id attempt transfer_id cell_id block position control \
        users ttl_s size_bytes bandwidth_bps method expiry_policy user sequence \
        target endpoint object_key \
        presigned_at expires_at started_at head_written_at head_acked_at ended_at link_age_us margin_us \
        connection_id reused_connection local_addr remote_addr tls_version \
        dns_us connect_us tls_us continue_us send_us wait_us response_start_us receive_us total_us \
        body_bytes body_bytes_written body_bytes_acked response_bytes \
        status s3_code s3_message request_id host_id server_time clock_offset_us \
        outcome phase early_response peer_close errno error object_state \
        rtt_us min_rtt_us retransmits \
        congestion server via content_type answer mint_us";
    assert_eq!(TransferRecord::header(), published.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn trials_have_the_published_columns_in_the_published_order() {
    let published = "run_id trial_id attempt cell_id block position control jitter_us started_at ended_at state transfers \
        achieved_bps scheduler_lag_us starved host";
    assert_eq!(TrialRecord::header(), published.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn events_have_the_published_columns_in_the_published_order() {
    assert_eq!(EventRecord::header(), ["transfer_id", "t_us", "event", "value"]);
}

#[test]
fn objects_have_the_published_columns_in_the_published_order() {
    assert_eq!(ObjectRecord::header(), ["at", "cell_id", "object_key", "upload_id", "change"]);
}

#[test]
fn decisions_have_the_published_columns_in_the_published_order() {
    let published = ["run_id", "at", "block", "blocks", "target_name", "target_answer", "decided", "doubt"];
    assert_eq!(DecisionRecord::header(), published);
}
