//! What an expression may be worth, and one operation on two of them.

use super::ir::{Expr, Op};
use super::project::CodeFile;

/// An expression in its file.
#[derive(Clone, Copy, Debug)]
pub struct Loc<'p> {
    pub file: &'p CodeFile,
    pub expr: &'p Expr,
}

impl<'p> Loc<'p> {
    /// The argument at a position of the call that it is.
    pub fn argument(self, n: usize) -> Option<Loc<'p>> {
        let expr = self.expr.as_call()?.position(n)?;
        Some(Loc { expr, ..self })
    }
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    /// A length of time that says its unit.
    Seconds(f64),
    Text(String),
    Bool(bool),
    Nothing,
}

impl Value {
    /// As a number, texts of digits too.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(n) | Value::Seconds(n) => Some(*n),
            Value::Text(text) => crate::audit::read::tree::number(text.trim()),
            Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Value::Nothing => None,
        }
    }

    pub fn truth(&self) -> bool {
        match self {
            Value::Number(n) | Value::Seconds(n) => *n != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Bool(truth) => *truth,
            Value::Nothing => false,
        }
    }

    /// As a length of time, where a bare number counts `unit` seconds.
    pub fn seconds(&self, unit: f64) -> Option<f64> {
        match self {
            Value::Seconds(s) => Some(*s),
            other => other.number().map(|n| n * unit),
        }
    }

    /// As a limit in seconds: none where nothing is written for it, `None` or `null`.
    pub fn time(&self, unit: f64) -> Option<Option<f64>> {
        match self {
            Value::Nothing => Some(None),
            other => other.seconds(unit).map(Some),
        }
    }
}

/// One operation on constants.
pub fn binary(op: Op, a: &Value, b: &Value) -> Option<Value> {
    if let (Op::Add, Value::Text(a), Value::Text(b)) = (op, a, b) {
        return Some(Value::Text(format!("{a}{b}")));
    }
    if let (Op::Eq | Op::NotEq, Value::Text(x), Value::Text(y)) = (op, a, b) {
        return Some(Value::Bool((x == y) == (op == Op::Eq)));
    }
    let timed = matches!(a, Value::Seconds(_)) || matches!(b, Value::Seconds(_));
    let both = matches!((a, b), (Value::Seconds(_), Value::Seconds(_)));
    let (x, y) = (a.number()?, b.number()?);
    let n = match op {
        Op::Add => x + y,
        Op::Sub => x - y,
        Op::Mul => x * y,
        Op::Div | Op::Floor if y == 0.0 => return None,
        Op::Div if both => return Some(Value::Number(x / y)),
        Op::Div => x / y,
        Op::Floor => (x / y).floor(),
        Op::Rem if y == 0.0 => return None,
        Op::Rem => x.rem_euclid(y),
        Op::Pow => x.powf(y),
        Op::Shift => x * 2f64.powf(y),
        Op::Less => return Some(Value::Bool(x < y)),
        Op::LessEq => return Some(Value::Bool(x <= y)),
        Op::More => return Some(Value::Bool(x > y)),
        Op::MoreEq => return Some(Value::Bool(x >= y)),
        Op::Eq => return Some(Value::Bool(x == y)),
        Op::NotEq => return Some(Value::Bool(x != y)),
        Op::And => return Some(Value::Bool(a.truth() && b.truth())),
        _ => return None,
    };
    n.is_finite().then_some(if timed {
        Value::Seconds(n)
    } else {
        Value::Number(n)
    })
}
