"""Which part of the work a sample of the profiler belongs to.

A sample's frames are looked at from the innermost outwards, and the first one that belongs to a layer decides. So what
is used everywhere (copying memory, hashing, writing JSON, the kernel) counts for its caller. The outermost
frame is the thread's name.
"""

import re

# Name and pattern of symbols; of the layers that one frame fits, the first.
SERVER = [
    ("allocator", r"^_?mi_|^malloc|^free$|^realloc|__rust_(de|re)?alloc|mimalloc"),
    # An instrumented future is only the span around the work.
    ("logging, metrics", r"\b(tracing(?!::instrument)|tracing_\w+|metrics|metrics_\w+|opentelemetry\w*|platform::telemetry)::|^log$"),
    ("committer, tokio-postgres", r"\b(ledger|tokio_postgres|postgres_protocol|postgres_types|deadpool\w*)::"),
    ("rendering", r"\bapi::(reply|resource|expand|list|event)::|::render\b"),
    ("decision (domain)", r"\b(domain|processors)::"),
    ("HTTP", r"\b(hyper|hyper_util|axum|axum_core|tower|http|http_body\w*|httparse|gateway::(listener|routes|answer_headers|body))::"),
    ("authentication, pipeline, form", r"\b(api|attempts|payments|tenants|gateway|identity)::"),
    # Not its sockets: what they cost is their users'.
    ("runtime", r"\b(tokio::(runtime(?!::io::registration)|sync|task)|mio|parking_lot\w*)::|^tokio-rt-worker$"),
]

POSTGRES = [
    ("WAL flush, sync", r"^(XLogFlush|XLogWrite|XLogBackgroundFlush|issue_xlog_fsync|pg_f(data)?sync\w*|f(data)?sync|WalWriterMain)$"),
    ("WAL insert", r"^(XLogInsert\w*|XLogRegister\w*|XLogBeginInsert|XLogEnsureRecordSpace|log_newpage\w*|pg_comp_crc32c\w*)$"),
    ("index insert", r"^(ExecInsertIndexTuples|index_insert|(bt|gin|gist|hash)insert|_bt_doinsert|ginHeapTupleFastInsert|ginInsertCleanup)$"),
    ("index look-up", r"^(index_getnext\w*|index_(re)?scan\w*|btgettuple|_bt_first|_bt_next|index_beginscan)$"),
    ("heap insert, update", r"^(table_tuple_\w+|simple_heap_\w+|heap_(insert|multi_insert|update|delete|lock_tuple)|RelationGetBufferForTuple|heap_toast\w*|toast_\w+)$"),
    ("commit", r"^(CommitTransactionCommand|StartTransaction\w*|RecordTransactionCommit|ProcArrayEndTransaction|ResourceOwnerRelease|AbortCurrentTransaction)$"),
    ("background processes", r"^(CheckpointerMain|BackgroundWriterMain|AutoVac\w+|StartBackgroundWorker|ServerLoop|PostmasterMain)$"),
    (
        "protocol, parameters, plans",
        r"^(pq_\w+|secure_(read|write)|printtup\w*|SendRowDescription\w*|\w*(Receive|Input|Send|Output)FunctionCall|\w*CachedPlan"
        r"|raw_parser|parse_analyze\w*|pg_\w+_query|(standard_)?planner|\w+recv|WaitEventSetWait|CreatePortal|PostgresMain)$",
    ),
    ("constraints", r"^ExecConstraints$"),
    ("arrays to rows", r"^(ExecMakeTableFunctionResult|array_unnest|tuplestore_\w+)$"),
    ("executor", r"^(standard_)?Exec\w+|^Portal(Run|Start)\w*|^FreeExecutorState|^tuplesort_\w+"),
]
OTHER = "other"


class Layers:
    def __init__(self, table):
        self.table = [(name, re.compile(pattern)) for name, pattern in table]
        self.known = {}

    def names(self):
        return [name for name, _ in self.table] + [OTHER]

    def of_frame(self, symbol):
        """The layer of one symbol, or nothing."""
        if symbol not in self.known:
            self.known[symbol] = next((name for name, pattern in self.table if pattern.search(symbol)), None)
        return self.known[symbol]

    def of(self, frames):
        """The layer of a sample, its frames given from the outermost inwards."""
        return next(filter(None, map(self.of_frame, reversed(frames))), OTHER)
