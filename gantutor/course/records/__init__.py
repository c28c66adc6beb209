"""The record that a notebook writes: what ran, where, and every number and figure that came out."""

from gantutor.course.records.frame import COLUMNS, frame_of, value_of
from gantutor.course.records.hashes import code_hash, parameter_hash, source_hash
from gantutor.course.records.machine import hardware
from gantutor.course.records.reading import SCHEMA, STATUSES, fault, read
from gantutor.course.records.record import Record
from gantutor.course.records.writing import write_json, write_text
from gantutor.sources import digest

__all__ = [
    "COLUMNS",
    "SCHEMA",
    "STATUSES",
    "Record",
    "code_hash",
    "digest",
    "fault",
    "frame_of",
    "hardware",
    "parameter_hash",
    "read",
    "source_hash",
    "value_of",
    "write_json",
    "write_text",
]
