//! Every version of the trajectory, with what is known of it. Nothing is ever taken out.

use std::collections::BTreeMap;

use super::{Node, NodeId, Outraced, Scored, Unscored, Why};
use crate::reer::{Leak, Measures, SegmentId, Trajectory};

/// One version: the node as recorded, its whole trajectory, and its score where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub node: Node,
    /// The whole z; absent for an answer that could not be used.
    pub trajectory: Option<Trajectory>,
    pub measures: Option<Measures>,
    pub leak: Option<Leak>,
    /// It does not fit the scorer's context.
    pub too_long: bool,
    /// It was dropped from its step's race; a score that came later stands beside this.
    pub outraced: Option<Outraced>,
    /// Why it could not be scored.
    pub error: Option<String>,
}

impl Version {
    /// True when a score of it is still to come.
    pub fn awaits_score(&self) -> bool {
        self.can_be_scored() && self.outraced.is_none()
    }

    /// True when it has no score and one can be had, if only when it becomes the current version.
    pub fn can_be_scored(&self) -> bool {
        self.trajectory.is_some() && self.measures.is_none() && !self.too_long
    }
}

/// The versions by id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tree {
    versions: BTreeMap<NodeId, Version>,
}

impl Tree {
    pub fn get(&self, id: NodeId) -> Option<&Version> {
        self.versions.get(&id)
    }

    /// The trajectory of a version, where it has one.
    pub fn trajectory(&self, id: NodeId) -> Option<&Trajectory> {
        self.get(id)?.trajectory.as_ref()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Version)> {
        self.versions.iter().map(|(id, version)| (*id, version))
    }

    /// An id no version has.
    pub fn next_id(&self) -> NodeId {
        NodeId(self.versions.last_key_value().map_or(1, |(id, _)| id.0 + 1))
    }

    /// A segment id no version has used.
    pub fn next_segment(&self) -> SegmentId {
        let used = self.versions.values().flat_map(|v| v.node.segments.iter().flatten()).map(|s| s.id.0);
        SegmentId(used.max().map_or(1, |id| id + 1))
    }

    /// Ids from the root to `id`, `id` last.
    pub fn lineage(&self, id: NodeId) -> Vec<NodeId> {
        let mut line: Vec<NodeId> =
            std::iter::successors(self.get(id).map(|_| id), |id| self.get(*id)?.node.parent.filter(|p| p < id))
                .collect();
        line.reverse();
        line
    }

    pub(super) fn insert(&mut self, node: Node) {
        let trajectory = match (&node.segments, node.refused) {
            (_, Some(_)) => None,
            (Some(segments), None) => Some(Trajectory { segments: segments.clone() }),
            (None, None) => node.parent.and_then(|parent| {
                self.trajectory(parent)?.with(node.segment?, node.text.as_deref().unwrap_or_default())
            }),
        };
        let version =
            Version { trajectory, measures: None, leak: None, too_long: false, outraced: None, error: None, node };
        self.versions.entry(version.node.id).or_insert(version);
    }

    pub(super) fn score(&mut self, id: NodeId, scored: &Scored) {
        let Some(version) = self.versions.get_mut(&id) else { return };
        version.leak = scored.leak.or(version.leak);
        match &scored.outcome {
            Ok(measures) => (version.measures, version.error) = (Some(*measures), None),
            Err(Unscored::Fault(reason)) => version.error = Some(reason.clone()),
            Err(Unscored::TooLong) => version.too_long = true,
            Err(Unscored::Outraced(outraced)) => version.outraced = Some(*outraced),
        }
    }

    /// Drafts in the order they came.
    pub(super) fn drafts(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.values().filter(|v| matches!(v.node.why, Why::Draft | Why::Import))
    }

    /// Candidates of a step, by slot.
    pub(super) fn step(&self, step: u32) -> Vec<&Version> {
        let mut found: Vec<&Version> = self.versions.values().filter(|v| v.node.step == Some(step)).collect();
        found.sort_by_key(|v| (v.node.slot, v.node.id));
        found
    }
}
