//! The code files of a project: parsed when something asks for them, modules found by name.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use herdsim_core::input;
use herdsim_core::scenario::{Place, Source};

use super::ir::{Class, Do, Expr, Function, Import, Kind, Language, Span, Stmt, Unit};
use super::lower;

/// A file of code, parsed.
#[derive(Debug)]
pub struct CodeFile {
    pub source: Arc<Source>,
    pub path: PathBuf,
    pub unit: Unit,
    /// Where the functions of each name stand: most calls are of none of them.
    named: HashMap<String, Vec<Span>>,
    imports: Vec<Import>,
    /// Imports by what they are called here: the first of each name.
    imported: HashMap<String, usize>,
    /// Where what is called so is called.
    calls: HashMap<String, Vec<Span>>,
}

impl CodeFile {
    pub fn place(&self, span: &Span) -> Place {
        Place {
            source: self.source.clone(),
            span: span.clone(),
        }
    }

    pub fn text(&self, span: &Span) -> &str {
        self.source.text.get(span.clone()).unwrap_or("")
    }

    pub fn language(&self) -> Language {
        self.unit.language
    }

    /// Where a name of a file comes from; imports within functions count, too.
    pub fn import(&self, local: &str) -> Option<&Import> {
        self.imported.get(local).map(|at| &self.imports[*at])
    }

    /// Every import of a file.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The functions around a byte, outermost first, each with the class that it is in.
    pub fn around(&self, at: usize) -> Vec<Around<'_>> {
        let mut found = Vec::new();
        around(&self.unit.body, at, None, &mut found);
        found
    }

    /// The name of the function around a byte, the innermost that has one.
    pub fn name_around(&self, at: usize) -> &str {
        self.function_around(at)
            .map_or("", |function| function.name.as_str())
    }

    /// The function around a byte, the innermost that has a name.
    pub fn function_around(&self, at: usize) -> Option<&Function> {
        innermost_named(&self.around(at))
    }

    /// What a name is assigned at the top of a file: its last assignment there.
    pub fn top(&self, name: &str) -> Option<&Expr> {
        assigned(&self.unit.body, name).last().and_then(|a| a.1)
    }

    pub fn class(&self, name: &str) -> Option<&Class> {
        class_named(&self.unit.body, name)
    }

    /// The classes around a byte, innermost first.
    pub fn classes_around(&self, at: usize) -> Vec<&Class> {
        let mut found = Vec::new();
        classes_around(&self.unit.body, at, &mut found);
        found.reverse();
        found
    }

    /// The calls of a name: of a function, a method, a class.
    pub fn calls(&self, name: &str) -> impl Iterator<Item = &Expr> {
        let spans = self.calls.get(name).into_iter().flatten();
        spans.filter_map(|span| expr_at(&self.unit.body, span))
    }

    /// The expression that stands at these bytes.
    pub fn expr(&self, span: &Span) -> Option<&Expr> {
        expr_at(&self.unit.body, span)
    }

    /// The whole of the chain that a call begins: its links all start where it does.
    pub fn outermost(&self, span: &Span) -> Option<&Expr> {
        let statement = statement_around(&self.unit.body, span)?;
        let mut found: Option<&Expr> = None;
        super::ir::walk_within(&self.unit.body, &statement, &mut |e| {
            if e.span.start == span.start
                && e.span.end >= span.end
                && matches!(e.kind, Kind::Call(_))
                && super::ir::chain(e).iter().any(|link| link.2.span == *span)
                && found.is_none_or(|f| f.span.end < e.span.end)
            {
                found = Some(e);
            }
        });
        found
    }

    /// The functions of a name, in their order.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Function> {
        let spans = self.named.get(name).into_iter().flatten();
        spans.filter_map(|span| {
            let around = self.around(span.start).into_iter();
            let mut functions = around.map(|a| a.function);
            functions.find(|f| f.span == *span)
        })
    }

    /// The only function of a name.
    pub fn only(&self, name: &str) -> Option<&Function> {
        match self.named.get(name)?.len() {
            1 => self.named(name).next(),
            _ => None,
        }
    }

    /// Whether a function of that name is in the file.
    pub fn defines(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// Every class of a file.
    pub fn classes(&self) -> Vec<&Class> {
        let mut all = Vec::new();
        classes(&self.unit.body, &mut all);
        all
    }

    /// Every function of a file, methods and those within functions too, each with its class.
    pub fn functions(&self) -> Vec<Around<'_>> {
        let mut all = Vec::new();
        functions(&self.unit.body, None, &mut all);
        all
    }
}

fn expr_at<'f>(body: &'f [Stmt], span: &Span) -> Option<&'f Expr> {
    let holds = |s: &Span| s.start <= span.start && span.end <= s.end;
    fn within<'f>(expr: &'f Expr, span: &Span) -> Option<&'f Expr> {
        if expr.span == *span {
            return Some(expr);
        }
        let holds = |e: &&Expr| e.span.start <= span.start && span.end <= e.span.end;
        if let Kind::Function(function) = &expr.kind {
            return expr_at(&function.body, span);
        }
        expr.inner()
            .into_iter()
            .filter(holds)
            .find_map(|inner| within(inner, span))
    }
    body.iter()
        .filter(|stmt| holds(&stmt.span))
        .find_map(|stmt| {
            let direct = stmt.exprs().into_iter().filter(|e| holds(&e.span));
            direct
                .filter_map(|e| within(e, span))
                .next()
                .or_else(|| {
                    stmt.bodies()
                        .into_iter()
                        .find_map(|inner| expr_at(inner, span))
                })
                .or_else(|| match &stmt.kind {
                    Do::Function(function) => {
                        let decorators = function.decorators.iter();
                        let decorated = decorators
                            .filter(|e| holds(&e.span))
                            .find_map(|e| within(e, span));
                        decorated.or_else(|| expr_at(&function.body, span))
                    }
                    Do::Class(class) => {
                        let decorators = class.decorators.iter();
                        let decorated = decorators
                            .filter(|e| holds(&e.span))
                            .find_map(|e| within(e, span));
                        decorated.or_else(|| expr_at(&class.body, span))
                    }
                    _ => None,
                })
        })
}

/// A class of a name, those in namespaces and in other classes too.
fn class_named<'f>(body: &'f [Stmt], name: &str) -> Option<&'f Class> {
    let mut inner: Vec<&[Stmt]> = Vec::new();
    for stmt in body {
        match &stmt.kind {
            Do::Class(class) if class.name == name => return Some(class),
            Do::Class(class) => inner.push(&class.body),
            Do::Block(body) => inner.push(body),
            _ => {}
        }
    }
    inner.into_iter().find_map(|body| class_named(body, name))
}

fn classes<'f>(body: &'f [Stmt], all: &mut Vec<&'f Class>) {
    for stmt in body {
        match &stmt.kind {
            Do::Class(class) => {
                all.push(class);
                classes(&class.body, all);
            }
            Do::Block(inner) => classes(inner, all),
            _ => {}
        }
    }
}

fn classes_around<'f>(body: &'f [Stmt], at: usize, found: &mut Vec<&'f Class>) {
    for stmt in body.iter().filter(|stmt| stmt.span.contains(&at)) {
        match &stmt.kind {
            Do::Class(class) => {
                found.push(class);
                classes_around(&class.body, at, found);
            }
            Do::Block(inner) => classes_around(inner, at, found),
            _ => {}
        }
    }
}

/// The innermost statement around some bytes.
fn statement_around(body: &[Stmt], span: &Span) -> Option<Span> {
    let holds = |s: &Stmt| s.span.start <= span.start && span.end <= s.span.end;
    let stmt = body.iter().find(|s| holds(s))?;
    let inner = stmt
        .bodies()
        .into_iter()
        .find_map(|b| statement_around(b, span));
    let deeper = match &stmt.kind {
        Do::Function(function) => statement_around(&function.body, span),
        Do::Class(class) => statement_around(&class.body, span),
        _ => inner,
    };
    deeper.or_else(|| Some(stmt.span.clone()))
}

/// A function and the class that it is a method of.
#[derive(Clone, Copy, Debug)]
pub struct Around<'f> {
    pub function: &'f Function,
    pub class: Option<&'f Class>,
}

/// The innermost of some functions around a byte that has a name.
pub fn innermost_named<'f>(around: &[Around<'f>]) -> Option<&'f Function> {
    let mut functions = around.iter().rev().map(|a| a.function);
    functions.find(|function| !function.name.is_empty())
}

fn functions<'f>(body: &'f [Stmt], class: Option<&'f Class>, all: &mut Vec<Around<'f>>) {
    for stmt in body {
        match &stmt.kind {
            Do::Function(function) => {
                all.push(Around { function, class });
                functions(&function.body, class, all);
            }
            Do::Class(inner) => functions(&inner.body, Some(inner), all),
            _ => {}
        }
        for expr in stmt.exprs() {
            expr.walk(false, &mut |e| {
                if let Kind::Function(function) = &e.kind {
                    all.push(Around { function, class });
                    functions(&function.body, class, all);
                }
            });
        }
        for body in stmt.bodies() {
            functions(body, class, all);
        }
    }
}

fn around<'f>(body: &'f [Stmt], at: usize, class: Option<&'f Class>, found: &mut Vec<Around<'f>>) {
    for stmt in body {
        match &stmt.kind {
            Do::Function(function) if function.span.contains(&at) => {
                found.push(Around { function, class });
                return around(&function.body, at, class, found);
            }
            Do::Class(inner) if stmt.span.contains(&at) => {
                return around(&inner.body, at, Some(inner), found);
            }
            _ => {}
        }
        if !stmt.span.contains(&at) {
            continue;
        }
        for expr in stmt.exprs() {
            let mut inner = None;
            expr.walk(false, &mut |e| {
                if let Kind::Function(function) = &e.kind
                    && function.span.contains(&at)
                {
                    inner.get_or_insert(function);
                }
            });
            if let Some(function) = inner {
                found.push(Around { function, class });
                return around(&function.body, at, class, found);
            }
        }
        for body in stmt.bodies() {
            around(body, at, class, found);
        }
    }
}

/// Every assignment to a plain name in these statements, functions left out: the statement's
/// span, and the value of a plain `=`.
pub fn assigned<'f>(body: &'f [Stmt], name: &str) -> Vec<(Span, Option<&'f Expr>)> {
    let mut all = Vec::new();
    super::ir::statements(body, &mut |stmt| {
        let Do::Assign(assign) = &stmt.kind else {
            return;
        };
        if assign
            .targets
            .iter()
            .any(|target| target.as_name() == Some(name))
        {
            let plain = assign.op.is_none() && assign.targets.len() == 1;
            all.push((stmt.span.clone(), assign.value.as_ref().filter(|_| plain)));
        }
    });
    all
}

/// Where the code of a project is.
#[derive(Default)]
pub struct Index {
    /// Each file's path, and the name that it is shown by.
    files: Vec<(PathBuf, String)>,
    by_path: HashMap<PathBuf, usize>,
    by_stem: HashMap<String, Vec<usize>>,
    /// Go files by the name of their directory.
    packages: HashMap<String, Vec<usize>>,
}

impl Index {
    /// From the files' paths and the names that they are shown by.
    pub fn new(files: Vec<(PathBuf, String)>) -> Index {
        let mut index = Index::default();
        for (at, (path, _)) in files.iter().enumerate() {
            let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
            let directory = path.parent().and_then(Path::file_name);
            let directory = directory
                .map(|s| s.to_string_lossy().into_owned())
                .unwrap_or_default();
            match (path.extension().is_some_and(|e| e == "go"), stem.as_deref()) {
                (true, _) => index.packages.entry(directory).or_default().push(at),
                // A package is its directory.
                (false, Some("__init__" | "index")) => {
                    index.by_stem.entry(directory).or_default().push(at);
                }
                (false, Some(stem)) => {
                    index.by_stem.entry(stem.to_string()).or_default().push(at);
                }
                (false, None) => {}
            }
            index.by_path.insert(path.clone(), at);
        }
        index.files = files;
        index
    }
}

/// What is known of the code of a project: files are parsed when something asks for them.
pub struct Project {
    index: Arc<Index>,
    parsed: Vec<OnceLock<Option<Box<CodeFile>>>>,
    /// Texts in place of those on disk, by the names that files are shown by.
    drafts: BTreeMap<String, String>,
}

impl Project {
    /// Of these files, with some texts in place of those on disk.
    pub fn new(index: Arc<Index>, drafts: BTreeMap<String, String>) -> Project {
        Project {
            parsed: index.files.iter().map(|_| OnceLock::new()).collect(),
            index,
            drafts,
        }
    }

    fn get(&self, at: usize) -> Option<&CodeFile> {
        let (path, shown) = &self.index.files[at];
        let read = || {
            let text = match self.drafts.get(shown) {
                Some(draft) => draft.clone(),
                None => input::text(path).ok()?,
            };
            let source = Source::new(shown.clone(), text);
            parse(path, Arc::new(source)).map(Box::new)
        };
        self.parsed[at].get_or_init(read).as_deref()
    }

    fn path(&self, at: usize) -> &Path {
        &self.index.files[at].0
    }

    /// The files that a module's name may mean, the nearest to `from` first.
    pub fn module(&self, from: &CodeFile, module: &str) -> Vec<&CodeFile> {
        let near = from.path.parent().unwrap_or(Path::new(""));
        let found: Vec<usize> = match from.language() {
            Language::Python => {
                let dots = module.bytes().take_while(|b| *b == b'.').count();
                let parts: Vec<&str> = module[dots..]
                    .split('.')
                    .filter(|p| !p.is_empty())
                    .collect();
                let base = near.ancestors().nth(dots.saturating_sub(1)).unwrap_or(near);
                match (dots, parts.last()) {
                    (0, None) => Vec::new(),
                    (0, Some(last)) => self.ending(last, &parts),
                    (_, None) => self.exactly(&[base.join("__init__.py")]),
                    (_, Some(_)) => {
                        let path: PathBuf = base.join(parts.iter().collect::<PathBuf>());
                        self.exactly(&[path.with_extension("py"), path.join("__init__.py")])
                    }
                }
            }
            Language::Script if module.starts_with('.') => {
                let path = normal(&near.join(module));
                let plain = path.to_string_lossy().into_owned();
                let bare = [".js", ".mjs", ".cjs", ".jsx"].iter();
                let bare = bare.fold(plain.as_str(), |p, end| p.strip_suffix(end).unwrap_or(p));
                let mut candidates = vec![path.clone()];
                for end in ["ts", "tsx", "js", "mjs", "cjs", "jsx"] {
                    candidates.push(PathBuf::from(format!("{bare}.{end}")));
                    candidates.push(path.join(format!("index.{end}")));
                }
                self.exactly(&candidates)
            }
            // `@/config`, `~/config`, `src/config`
            Language::Script => {
                let local = module.starts_with(['@', '~']) || module.starts_with("src/");
                let parts: Vec<&str> = module.split('/').skip(1).collect();
                match parts.last() {
                    Some(last) if local && !parts.is_empty() => self.ending(last, &parts),
                    _ => Vec::new(),
                }
            }
            // A class is in a file of its name, in the directory of its package.
            Language::Java | Language::Kotlin => {
                let parts: Vec<&str> = module.split('.').collect();
                match parts.last() {
                    Some(last) => self.ending(last, &parts),
                    None => Vec::new(),
                }
            }
            // Namespaces say nothing of files: a class is mostly in one of its name.
            Language::CSharp => {
                let last = module.rsplit('.').next().unwrap_or(module);
                self.ending(last, &[last])
            }
            // `crate::config`, `super::limits`
            Language::Rust => {
                let parts: Vec<&str> = module.split("::").collect();
                let local = matches!(parts.first(), Some(&"crate" | &"super" | &"self"));
                match parts.last() {
                    Some(last) if local && parts.len() > 1 => self.ending(last, &[last]),
                    _ => Vec::new(),
                }
            }
            Language::Ruby => {
                let parts: Vec<&str> = module.split('/').filter(|p| !p.starts_with('.')).collect();
                match parts.last() {
                    Some(last) => self.ending(last, &parts),
                    None => Vec::new(),
                }
            }
            Language::Go => {
                let parts: Vec<&str> = module.split('/').collect();
                let last = parts.last().copied().unwrap_or("");
                let all = self.index.packages.get(last).cloned().unwrap_or_default();
                let same = |at: &usize| {
                    let directory = self.path(*at).parent().unwrap_or(Path::new(""));
                    let before = directory.parent().and_then(Path::file_name);
                    parts.len() < 2 || before.is_some_and(|b| b == parts[parts.len() - 2])
                };
                all.into_iter().filter(same).collect()
            }
        };
        let mut found: Vec<&CodeFile> = found.into_iter().filter_map(|at| self.get(at)).collect();
        let shared = |file: &&CodeFile| {
            let pairs = file.path.components().zip(from.path.components());
            pairs.take_while(|(a, b)| a == b).count()
        };
        found.sort_by_key(|file| std::cmp::Reverse(shared(file)));
        found
    }

    /// The modules of a name, whatever package they are in.
    pub fn named(&self, stem: &str) -> Vec<&CodeFile> {
        let all = self.index.by_stem.get(stem).into_iter().flatten();
        all.filter_map(|at| self.get(*at)).collect()
    }

    /// The other files of a Go file's package.
    pub fn siblings(&self, from: &CodeFile) -> Vec<&CodeFile> {
        let near = from.path.parent();
        let name = near
            .and_then(Path::file_name)
            .map(|s| s.to_string_lossy().into_owned());
        let all = name.and_then(|name| self.index.packages.get(&name));
        let same = |at: &&usize| {
            let path = &self.path(**at);
            path.parent() == near && *path != from.path
        };
        let all = all.into_iter().flatten().filter(same);
        all.filter_map(|at| self.get(*at)).collect()
    }

    /// Files whose path ends in these parts.
    fn ending(&self, last: &str, parts: &[&str]) -> Vec<usize> {
        let all = self.index.by_stem.get(last).cloned().unwrap_or_default();
        let ends = |at: &usize| {
            let path = self.path(*at);
            let package = path
                .file_stem()
                .is_some_and(|s| s == "__init__" || s == "index");
            let path = match package {
                true => path.parent().unwrap_or(path).to_path_buf(),
                false => path.with_extension(""),
            };
            path.ends_with(parts.iter().collect::<PathBuf>())
        };
        all.into_iter().filter(ends).collect()
    }

    fn exactly(&self, paths: &[PathBuf]) -> Vec<usize> {
        paths
            .iter()
            .filter_map(|path| self.index.by_path.get(&normal(path)).copied())
            .collect()
    }
}

/// A path without `.` and `..`, as it is written.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !parts.pop() {
                    parts.push("..");
                }
            }
            part => parts.push(part),
        }
    }
    parts
}

/// The language of a file, by the end of its name.
pub fn language(path: &Path) -> Option<Language> {
    match path.extension()?.to_str()? {
        "py" | "pyi" => Some(Language::Python),
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => Some(Language::Script),
        "go" => Some(Language::Go),
        "java" => Some(Language::Java),
        "kt" | "kts" => Some(Language::Kotlin),
        #[cfg(feature = "csharp")]
        "cs" => Some(Language::CSharp),
        #[cfg(feature = "rust")]
        "rs" => Some(Language::Rust),
        #[cfg(feature = "ruby")]
        "rb" | "rake" => Some(Language::Ruby),
        _ => None,
    }
}

/// How many places of a text are no code of its language; 0 where the language is not read.
pub fn broken(path: &Path, text: &str) -> usize {
    fn count(node: tree_sitter::Node<'_>) -> usize {
        if !node.has_error() {
            return 0;
        }
        let own = usize::from(node.is_error() || node.is_missing());
        let mut cursor = node.walk();
        own + node.children(&mut cursor).map(count).sum::<usize>()
    }
    let parsed = language(path).and_then(|language| {
        let mut parser = tree_sitter::Parser::new();
        parser.set_language(&grammar(path, language)?).ok()?;
        parser.parse(text, None)
    });
    parsed.map_or(0, |tree| count(tree.root_node()))
}

/// None where this build does not have it.
fn grammar(path: &Path, language: Language) -> Option<tree_sitter::Language> {
    let typed = path
        .extension()
        .is_some_and(|e| e == "ts" || e == "mts" || e == "cts");
    let grammar = match language {
        Language::Python => tree_sitter_python::LANGUAGE,
        Language::Script if typed => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        Language::Script => tree_sitter_typescript::LANGUAGE_TSX,
        Language::Go => tree_sitter_go::LANGUAGE,
        Language::Java => tree_sitter_java::LANGUAGE,
        Language::Kotlin => tree_sitter_kotlin_ng::LANGUAGE,
        #[cfg(feature = "csharp")]
        Language::CSharp => tree_sitter_c_sharp::LANGUAGE,
        #[cfg(feature = "rust")]
        Language::Rust => tree_sitter_rust::LANGUAGE,
        #[cfg(feature = "ruby")]
        Language::Ruby => tree_sitter_ruby::LANGUAGE,
        #[allow(unreachable_patterns)]
        _ => return None,
    };
    Some(grammar.into())
}

/// The syntax tree of a text; none where the grammar does not come to its end, as it may in
/// broken text: then it takes up more and more.
fn tree(parser: &mut tree_sitter::Parser, text: &[u8]) -> Option<tree_sitter::Tree> {
    // It is asked every hundred steps, of which sound code takes one or two a byte at most.
    let mut left = 1_000 + text.len() / 10;
    let mut go_on = |_: &tree_sitter::ParseState| {
        left -= 1;
        match left {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    let options = tree_sitter::ParseOptions::new().progress_callback(&mut go_on);
    let mut rest = |at: usize, _| text.get(at..).unwrap_or_default();
    parser.parse_with_options(&mut rest, None, Some(options))
}

/// A file as a tree; none where its language is not read, or its grammar finds no end.
pub fn parse(path: &Path, source: Arc<Source>) -> Option<CodeFile> {
    let language = language(path)?;
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&grammar(path, language)?).ok()?;
    let tree = tree(&mut parser, source.text.as_bytes())?;
    let root = tree.root_node();
    let body = match language {
        Language::Python => lower::python::lower(&source.text, root),
        Language::Script => lower::script::lower(&source.text, root),
        Language::Go => lower::go::lower(&source.text, root),
        Language::Java => lower::java::lower(&source.text, root),
        Language::Kotlin => lower::kotlin::lower(&source.text, root),
        #[cfg(feature = "csharp")]
        Language::CSharp => lower::csharp::lower(&source.text, root),
        #[cfg(feature = "rust")]
        Language::Rust => lower::rust::lower(&source.text, root),
        #[cfg(feature = "ruby")]
        Language::Ruby => lower::ruby::lower(&source.text, root),
        #[allow(unreachable_patterns)]
        _ => return None,
    };
    let mut imports = Vec::new();
    imports_of(&body, &mut imports);
    let mut imported = HashMap::new();
    for (at, import) in imports.iter().enumerate() {
        imported.entry(import.local.clone()).or_insert(at);
    }
    let mut calls: HashMap<String, Vec<Span>> = HashMap::new();
    super::ir::walk(&body, true, &mut |e| {
        if let Kind::Call(call) = &e.kind
            && let Some(name) = call.callee.last_name()
        {
            calls
                .entry(name.to_string())
                .or_default()
                .push(e.span.clone());
        }
    });
    let mut all = Vec::new();
    functions(&body, None, &mut all);
    let mut named: HashMap<String, Vec<Span>> = HashMap::new();
    for function in all.iter().map(|a| a.function) {
        if !function.name.is_empty() {
            let spans = named.entry(function.name.clone()).or_default();
            spans.push(function.span.clone());
        }
    }
    Some(CodeFile {
        unit: Unit { language, body },
        path: path.to_path_buf(),
        source,
        named,
        imports,
        imported,
        calls,
    })
}

fn imports_of(body: &[Stmt], all: &mut Vec<Import>) {
    for stmt in body {
        match &stmt.kind {
            Do::Import(imports) => all.extend(imports.iter().cloned()),
            Do::Function(function) => imports_of(&function.body, all),
            Do::Class(class) => imports_of(&class.body, all),
            _ => {
                let bodies = stmt.bodies().into_iter();
                bodies.for_each(|body| imports_of(body, all));
            }
        }
    }
}
