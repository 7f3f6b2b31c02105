//! Words without one of which no reader finds anything in a file.

/// What files of a kind are searched for, in any case of letters.
pub struct Words {
    /// Each asks for a parse.
    pub alone: &'static [&'static str],
    /// One of the first asks for a parse beside one of the second.
    pub beside: &'static [(&'static [&'static str], &'static [&'static str])],
}

/// Of documents.
pub const DOCUMENTS: Words = Words {
    alone: &[
        "retr",
        "attempts",
        "timeout",
        "replica",
        "quorum",
        "acks",
        "insync",
        "apiversion",
        "services",
        "policy",
        "isr",
        "cluster",
        "_url",
        "aws_",
        "mongodb",
        "consistency",
        "leaseduration",
        "renewdeadline",
        "aws::sqs",
        "aws::lambda",
        "aws::serverless",
        "aws::events",
        "aws::scheduler",
        "aws::stepfunctions",
    ],
    beside: &[],
};

/// Of Terraform, HAProxy, nginx and statements of Cassandra.
pub const INFRASTRUCTURE: Words = Words {
    alone: &[
        "aws_sqs",
        "aws_lambda",
        "aws_sfn",
        "aws_cloudwatch_event",
        "aws_scheduler",
        "backend",
        "listen",
        "_pass",
        "datastax-java-driver",
        "keyspace",
    ],
    beside: &[],
};

/// Of code in every language.
pub const ANY: Words = Words {
    alone: &[
        "retries",
        "retri(",
        "_attempts",
        ".attempts",
        "maxattempts",
        "attempts:",
        "attempts=",
        "attempts =",
        "attempts <",
        "attempts >",
        "attempts,",
        "attempts)",
        "attempts-",
        "attempts +",
        "attempts+",
        "attempt in",
        "attempt <",
        "attempt =",
        "(attempt",
        "attempt)",
        "++attempt",
        "attempt+",
        "attempt +",
        "attempt:",
        "backoff",
        " tries =",
        " tries <",
        " tries >",
        " tries in",
        " tries :=",
        "sleep(",
        ".sleep",
        "stripe.",
        "stripe(",
        "stripe-",
        "\"stripe",
        "'stripe",
        "refund",
        "charge(",
        "charges.",
        "charges(",
        "/charges",
        "\"charges",
        "'charges",
        "payment(",
        "payments(",
        "payment.",
        "payments.",
        "/payment",
        "\"payment",
        "'payment",
        "payment_intent",
        "paymentintent",
        "payout",
        "transfers",
        "transfer(",
        "capture(",
        "term <",
        "term int",
        "token int",
        "token <",
        "methodconfig",
        " acks",
        "'acks",
        "\"acks",
        "(acks",
        "requiredacks",
        "required.acks",
        "leaderelection",
        "place_order",
        "execute_activity",
        "start_activity",
        "proxyactivities",
        "activityoptions",
        "create keyspace",
        "consistencylevel",
        "consistencies",
        "gocql",
        "mongodb://",
        "mongodb+srv://",
        "writeconcern",
        "write_concern",
        "mongoclient(",
        "send_email",
        "send_message",
    ],
    beside: &[
        // Leases are read where one of these is imported.
        (
            &[
                ".lock(", "nx=true", "nx: true", "setnx", "redlock", "redsync",
            ],
            &["redis", "redlock", "redsync", "etcd", "consul", "dlock"],
        ),
        // A token is a parameter, and guards nothing until it is compared.
        (
            &["epoch:", "epoch)", "epoch,", "epoch int", "epoch uint"],
            &[
                "epoch <", "epoch >", "epoch !", "epoch ==", "< epoch", "> epoch", "= epoch)",
                "<= epoch", ">= epoch", "== epoch", "!= epoch",
            ],
        ),
        // What is kept as the highest is a token, where one is spoken of.
        (
            &[
                "highest_",
                "_highest",
                ".highest",
                "highest =",
                "highest[",
                "highestt",
                "highestf",
                "highestseen",
            ],
            &[
                "token",
                "epoch",
                "generation",
                "sequencer",
                "fenc",
                "term:",
                "term,",
                "term)",
                "term int",
                "_term",
                ".term",
            ],
        ),
        // Parameters, not parts of the names of types.
        (
            &["fenc"],
            &[
                "fencing",
                "fence_",
                "_fence",
                "fence:",
                "fence)",
                "fence,",
                "fence <",
                "fence >",
                "fence int",
                "fencetoken",
                "fence =",
            ],
        ),
    ],
};

/// How loops begin in Python.
const LOOPS: &[&str] = &[
    "while true",
    "while 1:",
    "while not ",
    "while retr",
    "while attempt",
    "while tr",
    "while self",
    "while (",
    "while i ",
    "while n ",
    "while count",
    "while num",
    "while left",
    "while remain",
    " in range(",
];

pub const PYTHON: Words = Words {
    alone: &["for _ in range("],
    beside: &[
        // A call over the network is a retry only within a loop.
        (
            &[
                "requests.get",
                "requests.p",
                "requests.request",
                "requests.delete",
                "requests.session",
                "requests.head",
                "import requests",
                "from requests",
                "httpx.",
                "urlopen",
                "aiohttp",
            ],
            LOOPS,
        ),
        // So is what a comment says is tried again, unless a library does it.
        (&["retry"], LOOPS),
        (
            &["retry"],
            &[
                "retry(",
                "retry.",
                "retry_",
                "_retry",
                "retry=",
                "retry =",
                "import retry",
                "retry import",
                "retrying",
                "retryable",
            ],
        ),
    ],
};

pub const SCRIPT: Words = Words {
    alone: &["settimeout", "retry"],
    beside: &[(
        &["fetch(", "axios"],
        &[
            "while (", "while(", "for (;", "for(;", "for (let", "for(let", "for (var", "for(var",
        ],
    )],
};

pub const GO: Words = Words {
    alone: &[
        "retry",
        "time.after",
        "newtimer",
        "http.get",
        "http.post",
        "sarama",
    ],
    beside: &[],
};

/// Of Java and Kotlin, and of C#, Rust and Ruby.
pub const JVM: Words = Words {
    alone: &[
        "retry",
        "retri",
        "failsafe",
        "schedulerlock",
        "rlock",
        "redisson",
        "activityoptions",
        "acks",
        "consistencylevel",
        "writeconcern",
        "distributedapplication",
        "task.delay",
        "parknanos",
        "resiliencehandler",
        "usemessageretry",
    ],
    // A wait asks for a parse where something is caught.
    beside: &[(
        &["delay(", "sleep ", "sleep_until"],
        &["catch", "rescue", "err(", "getornull", "issuccess"],
    )],
};
