//! What is proved with Chromium at the far end.

use super::peer::Stack;

super::prove!(
    Stack::Chromium,
    presence::both_see_who_is_there_with_metadata_and_who_left,
    audio::tones_arrive_both_ways_clean_and_in_tune,
    audio::a_muted_track_is_silent_and_comes_back_both_ways,
    audio::a_track_that_is_published_again_is_heard_both_ways,
    data::two_hundred_packets_of_each_kind_arrive_both_ways,
    data::a_hundred_kilobytes_of_text_arrive_both_ways,
    data::calls_are_answered_both_ways,
);
