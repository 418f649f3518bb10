//! The inner voice in English.

use super::Mood;

pub(super) fn patterns(mood: Mood) -> &'static [&'static str] {
    match mood {
        Mood::Request => REQUEST,
        Mood::Open => OPEN,
        Mood::Link => LINK,
        Mood::Step => STEP,
        Mood::Ask => ASK,
        Mood::Sharpen => SHARPEN,
        Mood::Order => ORDER,
        Mood::Turn => TURN,
        Mood::Close => CLOSE,
        Mood::Muse => MUSE,
    }
}

const REQUEST: &[&str] = &[
    "Okay, so I am asked about {q}, and the question is what I can make of it that isn't the first thing anybody would say.",
    "Let me see what this wants from me: {q}, yes, but seen from close by.",
    "So, {q}. I don't want to circle around it; I want to be inside it by the second sentence.",
    "The words that matter in the request are {q}, and I take them at their word.",
    "Alright, {q}. Who is going to read this, and what would make them stay?",
    "I read the request again: {q}. It leaves me more room than it seems.",
    "It's about {q}, that much is given. The rest I have to find.",
    "Okay. Before I plan anything I ask myself what {q} looks like when it is somebody's own business.",
    "Let me think about what is asked here. Not a summary, I believe; something one can follow from start to end.",
    "Alright, what do I really have to do here? Find the one case that shows it, and stay with that.",
];

const OPEN: &[&str] = &[
    "I want to open on {n}, with nothing in front of it.",
    "The way in is {n}, I think, with {n} close behind it.",
    "My first sentence needs {n} in it.",
    "I begin with {n} and let {n} come up as if by the way.",
    "Let me start where {n} is already there.",
    "The opening can be quiet: {n}, and not much else.",
    "What do I put before the reader first? {n}, and then {n}.",
    "To begin I need something to hold, and {n} will do.",
    "I see {n} before I see anything else, so that goes first.",
    "First {}, to set the pitch.",
    "The first lines belong to {}.",
    "Where does it start? With \"{}\", I'd say; that has the right weight.",
    "I can hear the first sentence already, it has \"{}\" in it.",
];

const LINK: &[&str] = &[
    "So where do I go from here? To {n}.",
    "Okay, the next part. I think {n} has to carry it.",
    "From there I can move on to {n}.",
    "Now I need {n}, or the thread is lost.",
    "Good, and what does that lead to? {n}, and with it {n}.",
    "After that the ground is ready for {n}.",
    "Let me go one step on, to {}.",
    "Next, I believe: {l}.",
    "Then comes the part with {n} in it.",
    "I turn from this to {n}, without announcing it.",
    "What follows naturally is {}.",
    "With that said, {n} can come in.",
    "And now {}; I have been waiting to get to it.",
    "Let me look at the next stretch. It starts, I think, with {n}.",
];

const STEP: &[&str] = &[
    "I want {n} and {n} close together here.",
    "I put {n} next, plainly, and {n} right after it.",
    "There should be {n} somewhere in this part.",
    "I let {n} lead to {n}.",
    "Here I can use {n}; it says more than an explanation.",
    "I stay with {n} for a sentence or two.",
    "I take {n} first, then {n}, so that one explains the other.",
    "I bring in {n}, since {n} alone won't hold this up.",
    "I need to get from {n} to {n} without a jump.",
    "Beside {n} I set {n}.",
    "I name {n}; leaving it vague would be cheating.",
    "A glance at {n}, no more, and on to {n}.",
    "I give {n} a sentence of its own.",
    "This is also the place for {n}.",
    "Around here I mention {n}, and then {n}.",
    "Let {n} be seen before it is understood.",
    "I think of {n}, and of {n} along with it.",
    "It helps to have {n} in sight all the while.",
    "Somewhere in this: {l}.",
    "I note down for this place: {l}, {l}, {l}.",
    "A few things I must not forget here: {l}, {l}.",
    "The words I want are \"{}\", and soon after, \"{}\".",
    "I can use \"{}\" here, just so.",
    "I keep {l} for this place.",
    "Then {l}, and then {l}.",
    "I go on with {}, and let it lead to {}.",
    "I hear \"{}\" in this sentence.",
    "Then quickly: {l}, {l}, and {l}.",
    "In passing, {n}; it costs only a few words.",
    "And {n}, because it's true and nobody expects it.",
    "Add to that {}.",
    "What I see now, one after the other: {l}, then {l}.",
    "The turn of phrase for this is \"{}\", I think.",
    "This wants detail: {l}, {l}.",
];

const ASK: &[&str] = &[
    "Wait, does {n} come before {n}? It does, it has to.",
    "Hmm, is {n} enough here, or do I need {n} as well? Both, I think.",
    "But would anyone believe {n} without {n}?",
    "Do I explain {n}? No, I show it and go on.",
    "Wait, I haven't said anything about {n} yet. Here is the place.",
    "Or should I hold {n} back a little? Not too long; it belongs in this part.",
    "What is missing? {n}, I think.",
    "Why {n}, of all things? Because it opens the way to what comes next.",
    "Hmm, does {n} stand well next to {n}? It does.",
    "Is it too early for {n}? Perhaps, but later would be too late.",
    "And then what? {n}, and after it {l}.",
    "Wait, shouldn't there be {} here? Yes.",
    "Could I do without {}? I try it in my head, and no, it leaves a hole.",
    "How do I say it? With \"{}\", maybe, and no more than that.",
    "Hmm, {n} or {n}? I take both, in that order.",
    "But what do I really see? {n}, if I'm honest.",
    "Is \"{}\" how to put it? I can't find a better way.",
    "Have I got {} in yet? It matters more than it looks.",
    "Do I dare to say {} straight out? I do.",
    "What would a careless version do? It would skip {}. So I don't.",
    "Let me check the order: {l}, then {l}? Yes, that way round.",
];

const SHARPEN: &[&str] = &[
    "I don't mean that in general; I mean {n}.",
    "More exactly, it is {n} that I have in mind.",
    "Vague won't do. {n}, and {n}: those are the things to name.",
    "What makes it particular is {n}.",
    "I narrow it down to {n} and {n}.",
    "No, closer than that: {l}.",
    "Let me be exact about it: {l}, and {l}.",
    "To be concrete: {l}.",
    "The plain words for it are \"{}\" and \"{}\".",
    "It comes down to {}.",
    "Instead of saying it in general I say {}, then {}.",
    "The detail that counts is {}.",
];

const ORDER: &[&str] = &[
    "Let me get the order straight: {l}, then {l}, then {l}.",
    "So the sequence is this: {l}, {l}, and only after that {l}.",
    "First {l}, next {l}, and at the end of it {l}.",
    "I lay it out in my head: {l}; {l}; {l}.",
    "It goes from {} to {}.",
    "Start this part with {}, go through {}, come out at {}.",
    "One after the other: {l}, {l}, {l}, {l}.",
    "It's clear to me now that {} has to stand before {}.",
];

const TURN: &[&str] = &[
    "This is where it should turn, and {n} turns it.",
    "Here something changes; I let {n} do it, without comment.",
    "And then, against all this, {}.",
    "The turn, when it comes, is small: {l}.",
    "I want a \"but\" around here, and {n} gives me one.",
    "So far it runs one way; with {} it begins to run the other.",
    "Wait, this is the hinge, isn't it? First {l}, and after it {l}.",
];

const CLOSE: &[&str] = &[
    "How do I end? On {n}, I think, and not a word more.",
    "I let it close with {n}.",
    "The last thing I want them to see is {n}.",
    "For the ending I need {n}, and {n} for the very last line.",
    "I stop at {}, before it turns into a lesson.",
    "To finish: {l}, and then {l}.",
    "The last sentence can rest on \"{}\".",
    "And at the end, {n}. I leave it there.",
    "No summing up; {n} is the end of it.",
];

const MUSE: &[&str] = &[
    "I don't want to hurry this.",
    "Is that too neat? A little rough is better.",
    "I keep my own opinion out of it as long as I can.",
    "It should sound as if it cost no effort.",
    "I want the reader to notice that a moment later than I do.",
    "Let me not explain what can be seen.",
    "That gives me the shape of this part, I think.",
    "Hmm, am I sure of the tone? Calm, I'd say, but not cold.",
    "One thing at a time, and each thing where it is needed.",
    "If I get this right the next part almost writes itself.",
    "No big words here.",
    "I should trust it and move on.",
    "What do they know by now, and what are they still waiting for?",
    "The pace can change a little from here.",
    "It's tempting to say more, and I won't.",
    "Does this earn its place? I think so.",
    "I can feel where this is going, and that's good, as long as the reader only half does.",
    "Something ought to stay open until later.",
];
