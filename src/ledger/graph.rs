//! The commit graph of a partition: who reaches whom, and which change a commit belongs to.

use std::{cell::OnceCell, collections::HashMap};

use super::partition::Partition;

/// A commit as a number.
pub(super) type Node = u32;

/// Commits by number. A name that only a deployment, a change or a parent list mentions is a node without parents, unless
/// its source says on which commit it stands (`base_sha`).
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    names: HashMap<&'a str, Node>,
    parents: Vec<Vec<Node>>,
    /// Index of the commit record; `None` where only the name is known.
    pub record: Vec<Option<u32>>,
    /// Is somebody's parent, or has a record: its place in history is known.
    placed: Vec<bool>,
    /// Changes a commit belongs to; `true` when reaching it means reaching the whole change.
    pub changes: Vec<Vec<(u32, bool)>>,
    /// Own commits (merges of the base left out) of each change, in nodes.
    pub own: Vec<u32>,
    /// Longest way down to a root; larger than that of every ancestor. Made when first asked for: few histories go back.
    height: OnceCell<Vec<u32>>,
}

impl<'a> Graph<'a> {
    pub fn new(partition: &Partition<'a>) -> Self {
        let mut graph = Self::default();
        for (i, commit) in partition.commits.iter().enumerate() {
            let sha = if commit.body.sha.is_empty() { &commit.record.id } else { &commit.body.sha };
            let node = graph.intern(sha);
            // the same commit from two sources: the first that knows parents
            if graph.record[node as usize].is_none() || graph.parents[node as usize].is_empty() {
                graph.record[node as usize] = u32::try_from(i).ok();
                let parents: Vec<Node> = commit.body.parents.iter().map(|p| graph.intern(p)).collect();
                for parent in &parents {
                    graph.placed[*parent as usize] = true;
                }
                graph.parents[node as usize] = parents;
            }
            graph.placed[node as usize] = true;
        }
        for d in &partition.deployments {
            for sha in [&d.body.sha, &d.body.prev_sha].into_iter().flatten() {
                graph.intern(sha);
            }
            graph.chain(d.body.sha.as_deref(), d.body.base_sha.as_deref());
        }
        graph.own = vec![0; partition.changes.len()];
        for (i, change) in partition.changes.iter().enumerate() {
            graph.place_change(u32::try_from(i).unwrap_or(u32::MAX), change.body);
            graph.chain(change.body.merge_sha.as_deref(), change.body.base_sha.as_deref());
        }
        graph
    }

    /// A commit without a record of its own stands on another one, so the source says.
    fn chain(&mut self, sha: Option<&'a str>, base: Option<&'a str>) {
        let (Some(sha), Some(base)) = (sha, base) else { return };
        let (node, base) = (self.intern(sha), self.intern(base));
        if node != base && self.parents[node as usize].is_empty() {
            self.parents[node as usize].push(base);
            self.placed[node as usize] = true;
            self.placed[base as usize] = true;
        }
    }

    fn intern(&mut self, sha: &'a str) -> Node {
        let next = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
        let node = *self.names.entry(sha).or_insert(next);
        if node == next {
            self.parents.push(Vec::new());
            self.record.push(None);
            self.placed.push(false);
            self.changes.push(Vec::new());
        }
        node
    }

    /// Merge and squash commits map back to their change, and so do its own commits.
    fn place_change(&mut self, change: u32, body: &'a crate::domain::record::Change) {
        for sha in [&body.merge_sha, &body.head_sha].into_iter().flatten() {
            let node = self.intern(sha);
            self.changes[node as usize].push((change, true));
        }
        for commit in body.commits.iter().filter(|c| !c.is_merge && !c.sha.is_empty()) {
            let node = self.intern(&commit.sha);
            if !self.changes[node as usize].iter().any(|(c, _)| *c == change) {
                self.changes[node as usize].push((change, false));
            }
            self.own[change as usize] += 1;
        }
        // A rebase writes every commit anew; only the last one is known as the merge commit.
        if body.merge_method.as_deref() == Some("rebase")
            && let Some(mut node) = body.merge_sha.as_deref().and_then(|sha| self.node(sha))
        {
            for _ in 1..body.commits.len() {
                let &[parent] = self.parents[node as usize].as_slice() else { break };
                if self.record[parent as usize].is_none() || !self.changes[parent as usize].is_empty() {
                    break;
                }
                self.changes[parent as usize].push((change, false));
                node = parent;
            }
        }
    }

    /// Heights by peeling from the roots (commits whose parents are all done).
    fn heights(&self) -> Vec<u32> {
        let mut waiting: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut children: Vec<Vec<Node>> = vec![Vec::new(); self.parents.len()];
        for (node, parents) in self.parents.iter().enumerate() {
            for parent in parents {
                children[*parent as usize].push(u32::try_from(node).unwrap_or(u32::MAX));
            }
        }
        let mut height = vec![0; self.parents.len()];
        let mut ready: Vec<usize> = (0..waiting.len()).filter(|n| waiting[*n] == 0).collect();
        while let Some(node) = ready.pop() {
            for child in &children[node] {
                let child = *child as usize;
                height[child] = height[child].max(height[node] + 1);
                waiting[child] -= 1;
                if waiting[child] == 0 {
                    ready.push(child);
                }
            }
        }
        height
    }

    pub fn node(&self, sha: &str) -> Option<Node> {
        self.names.get(sha).copied()
    }

    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// Its place in history is known: a range from or to it means something.
    pub fn placed(&self, node: Node) -> bool {
        self.placed[node as usize]
    }

    pub fn is_merge(&self, node: Node) -> bool {
        self.parents[node as usize].len() > 1
    }

    /// Mark all that `from` reaches and has not been marked; returns the newly marked, in no order.
    pub fn reach(&self, from: Node, marked: &mut [bool]) -> Vec<Node> {
        let mut found = Vec::new();
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut marked[node as usize], true) {
                continue;
            }
            found.push(node);
            open.extend(self.parents[node as usize].iter().filter(|p| !marked[**p as usize]));
        }
        found
    }

    /// Is `node` a descendant of `ancestor`? `None` when the history of either is not known.
    pub fn descends(&self, node: Node, ancestor: Node) -> Option<bool> {
        if self.record[node as usize].is_none() || !self.placed(ancestor) {
            return None;
        }
        let height = self.height.get_or_init(|| self.heights());
        let floor = height[ancestor as usize];
        let mut seen = std::collections::HashSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if node == ancestor {
                return Some(true);
            }
            if height[node as usize] > floor && seen.insert(node) {
                open.extend(&self.parents[node as usize]);
            }
        }
        Some(false)
    }
}
