//! A run's back ends as one of its searches sees them: faults are counted by class on their way, and a call waits for
//! ever where the run's brake is on, for its search is stopped then.

use std::future;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::brake::Brake;
use super::meter::Meter;
use crate::engine::Models;
use crate::lm::{
    Answered, Context, Current, Estimate, Generator, LmError, Request, Sample, Scorer, Sink, TokenLogprobs,
};
use crate::reer::{Example, Identity, Target};

/// A back end under watch.
struct Watched<M: ?Sized> {
    inner: Arc<M>,
    brake: Arc<Brake>,
    meter: Arc<Meter>,
    /// Stops the search that calls.
    search: CancellationToken,
}

/// The models as a search sees them that `search` stops.
pub(super) fn watched(models: &Models, brake: &Arc<Brake>, meter: &Arc<Meter>, search: &CancellationToken) -> Models {
    Models {
        generator: Arc::new(Watched::over(models.generator.clone(), brake, meter, search)),
        scorer: Arc::new(Watched::over(models.scorer.clone(), brake, meter, search)),
    }
}

impl<M: ?Sized> Watched<M> {
    fn over(inner: Arc<M>, brake: &Arc<Brake>, meter: &Arc<Meter>, search: &CancellationToken) -> Watched<M> {
        Watched { inner, brake: brake.clone(), meter: meter.clone(), search: search.clone() }
    }

    /// Lets a call go, or stops its search and never returns.
    async fn admit(&self) {
        if self.brake.is_on() {
            self.search.cancel();
            future::pending::<()>().await;
        }
    }

    /// Counts a fault. One that ends the run is never answered: its search is stopped, so that it can go on later.
    async fn take(&self, fault: Option<&LmError>) {
        let Some(error) = fault else { return };
        let Some(class) = class(error) else { return };
        let message = error.to_string();
        self.meter.fault(class, &message);
        if let LmError::Denied(_) = error {
            self.brake.refuse(&message);
            future::pending::<()>().await;
        }
    }
}

/// The name of a fault's class in counts; none for what is no fault.
fn class(error: &LmError) -> Option<&'static str> {
    match error {
        LmError::TooLong { .. } => Some("too-long"),
        LmError::Passing { setback, .. } => Some(setback.name()),
        LmError::Denied(_) => Some("denied"),
        LmError::Unsupported(_) => Some("unsupported"),
        LmError::Invalid(_) => Some("invalid"),
        LmError::Cancelled => None,
    }
}

#[async_trait]
impl Scorer for Watched<dyn Scorer> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn noise_floor(&self) -> f64 {
        self.inner.noise_floor()
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        self.admit().await;
        let target = self.inner.tokenize(example).await;
        self.take(target.as_ref().err()).await;
        target
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.admit().await;
        let answers = self.inner.score(example, target, contexts, answered).await;
        for answer in &answers {
            self.take(answer.as_ref().err()).await;
        }
        answers
    }

    fn reads_in_parts(&self) -> bool {
        self.inner.reads_in_parts()
    }

    async fn score_part(
        &self,
        example: &Example,
        target: &Target,
        part: Range<usize>,
        contexts: &[Context],
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.admit().await;
        let answers = self.inner.score_part(example, target, part, contexts).await;
        for answer in &answers {
            self.take(answer.as_ref().err()).await;
        }
        answers
    }

    fn estimates(&self) -> bool {
        self.inner.estimates()
    }

    async fn estimate(
        &self,
        example: &Example,
        target: &Target,
        current: Current<'_>,
        contexts: &[Context],
        unread: f64,
    ) -> Vec<Result<Estimate, LmError>> {
        self.admit().await;
        let answers = self.inner.estimate(example, target, current, contexts, unread).await;
        for answer in &answers {
            self.take(answer.as_ref().err()).await;
        }
        answers
    }
}

#[async_trait]
impl Generator for Watched<dyn Generator> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        self.admit().await;
        let samples = self.inner.generate(request, sink).await;
        self.take(samples.as_ref().err()).await;
        samples
    }
}
