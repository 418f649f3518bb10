//! The proposers from outside: what the rule-based baseline writes for two whole texts, as snapshots, and that
//! every generator answers one sample a slot.

use std::sync::Mutex;

use retrace::lm::cues::Cues;
use retrace::lm::recorded::Recorded;
use retrace::lm::{Generator, Request, Sample, Task};
use retrace::reer::search::{Config, Preset};
use retrace::reer::{Example, Language, Segment, SegmentId, Trajectory, split};

const MARKET: &str = "Before the market opens, the square belongs to the man who sweeps it.\n\n\
    He starts at the fountain, always, and works outward in a spiral, so that the last thing he cleans is the step of \
    the town hall. By then the bakers have their shutters up. He never looks at the clock; the smell of the second \
    batch of rolls tells him that he has twenty minutes left.\n\n\
    Yesterday he found a child's shoe, red, with a silver buckle. He washed it and stood it on the rim of the fountain, \
    where somebody's mother would see it. All morning people bought leeks and quarrelled about the price of eggs, and \
    the shoe stood there in the sun, and nobody touched it.\n\n\
    At noon a girl came hopping across the stones on one foot. She put the shoe on without a word, bowed to the \
    fountain as one bows to a lady, and ran. The sweeper, who had stayed three hours longer than he is paid for, picked \
    up his broom.";

const TEA: &str = "外婆的茶是不许加糖的。\n\n\
    她说糖会把茶的话堵住。小时候我不懂，只觉得那一小杯褐色的水又苦又烫，趁她转身，就偷偷往里丢一块冰糖。她回来喝一口我的，什么也不说，\
    把杯子放下，再去灶上烧水。\n\n\
    后来我到北方念书，宿舍里没有灶，也没有人拦着我放糖。第一个冬天，我用保温杯泡了她寄来的茶，放了两块糖，喝下去，忽然觉得屋子里很静，\
    静得像少了一个人。\n\n\
    去年清明我回去，灶还在，水壶底上结着厚厚的水垢。我烧了一壶水，按她的样子先烫杯子，再等茶叶一片一片沉下去。茶是苦的。我坐在门口慢慢\
    喝完，听见竹林那边有人在喊谁家的孩子回去吃饭。";

fn example(query: &str, reference: &str) -> Example {
    Example {
        id: "a".to_owned(),
        query: query.to_owned(),
        reference: reference.to_owned(),
        language: Language::of(query),
        category: None,
        meta: serde_json::Map::new(),
    }
}

fn ask(generator: &dyn Generator, example: &Example, task: Task<'_>, step: u32, slots: &[u32]) -> Vec<Sample> {
    let sampling = Config::preset(Preset::Retrace).sampling;
    let seeds: Vec<u64> = slots.iter().map(|slot| 100 + u64::from(*slot)).collect();
    let request = Request { example, task, step, seeds: &seeds, slots, sampling: &sampling };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let heard = Mutex::new(vec![String::new(); slots.len()]);
    let samples =
        runtime.block_on(generator.generate(&request, &|at, piece| heard.lock().unwrap()[at].push_str(piece))).unwrap();
    assert_eq!(samples.len(), slots.len());
    for (heard, sample) in heard.into_inner().unwrap().iter().zip(&samples) {
        assert!(sample.text.as_ref().is_ok_and(|text| heard.contains(text)), "what streams is what comes");
    }
    samples
}

fn trajectory(draft: &str) -> Trajectory {
    let pieces = split(draft);
    let segment = |(at, text): (usize, &str)| Segment { id: SegmentId(at as u32), text: text.to_owned() };
    Trajectory { segments: pieces.iter().map(|p| p.segment()).enumerate().map(segment).collect() }
}

/// A draft, and the four rewrites of its second segment, as a person would read them.
fn page(example: &Example) -> String {
    let cues = Cues::new();
    let draft = ask(&cues, example, Task::Draft, 0, &[0]).remove(0).text.unwrap();
    let z = trajectory(&draft);
    let task = Task::Refine { trajectory: &z, segment: SegmentId(1), instruction: None };
    let rewrites = ask(&cues, example, task, 1, &[0, 1, 2, 3]);
    let shown =
        |s: &Sample| format!("({})\n{}", s.analysis.as_deref().unwrap_or("?"), s.text.as_deref().unwrap_or("?"));
    let rewrites: Vec<String> = rewrites.iter().map(shown).collect();
    format!("{draft}\n\n---- the second segment, rewritten\n\n{}", rewrites.join("\n\n"))
}

#[test]
fn cues_plan_an_english_text() {
    insta::assert_snapshot!(page(&example("Write a short piece about a square before and after the market.", MARKET)));
}

#[test]
fn cues_plan_a_chinese_text() {
    insta::assert_snapshot!(page(&example("写一篇短文，谈谈外婆的茶。", TEA)));
}

#[test]
fn a_resumed_step_asks_for_its_missing_slots_and_gets_the_same() {
    let (cues, example) = (Cues::new(), example("Write a short piece about a market square.", MARKET));
    let z = trajectory(&ask(&cues, &example, Task::Draft, 0, &[0])[0].text.clone().unwrap());
    let task = Task::Refine { trajectory: &z, segment: SegmentId(2), instruction: None };
    let all = ask(&cues, &example, task.clone(), 2, &[0, 1, 2, 3]);
    assert_eq!(ask(&cues, &example, task, 2, &[1, 3]), [all[1].clone(), all[3].clone()]);
}

#[test]
fn a_recorded_file_serves_a_whole_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.jsonl");
    let lines = [
        r#"{"purpose":"draft","texts":["<think>\nI want the broom first.\n</think>"]}"#,
        r#"{"purpose":"refine","step":1,"segment":0,"texts":["The broom, then the shoe.","<analyze>vague</analyze><refine>The red shoe.</refine>"]}"#,
    ];
    std::fs::write(&path, lines.join("\n")).unwrap();
    let recorded = Recorded::open(&path).unwrap();
    let example = example("Write a short piece.", MARKET);
    let draft = ask(&recorded, &example, Task::Draft, 0, &[0]).remove(0).text.unwrap();
    assert_eq!(draft, "I want the broom first.");
    let z = trajectory(&draft);
    let task = Task::Refine { trajectory: &z, segment: SegmentId(0), instruction: None };
    let rewrites = ask(&recorded, &example, task, 1, &[0, 1]);
    assert_eq!(rewrites[1].text.as_deref(), Ok("The red shoe."));
    assert_eq!(rewrites[1].analysis.as_deref(), Some("vague"));
}
