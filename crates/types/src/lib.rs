//! Money, currencies, ids, time: the words everything else is written in.
